//! Forms of one character: traditional and simplified, and letters of one alphabet that look like those
//! of another. A table of our own: the characters of everyday writing, which is where words are hidden.

/// Traditional and variant forms, each followed by the simplified one; sorted by the first of two.
const HAN: &str = "\
    丟丢亂乱亞亚佈布佔占併并來来侖仑侶侣係系俠侠倉仓個个們们倫伦偉伟側侧偵侦偽伪傑杰傘伞備备傢家傭佣傳传債债傷伤傾倾\
    僅仅僑侨僕仆僥侥價价儀仪儂侬億亿儉俭償偿優优儲储兌兑兒儿內内兩两冊册凍冻凜凛凱凯別别刪删則则剎刹剛刚創创劃划劇剧\
    劉刘劍剑劑剂劵券勁劲動动務务勝胜勞劳勢势勳勋勵励勸劝勻匀匯汇匱匮區区協协卻却厭厌厲厉參参叢丛吋寸吳吴呂吕員员問问\
    啞哑啟启喚唤喪丧喬乔單单嗇啬嗎吗嗚呜嘆叹嘔呕嘗尝嘩哗嘯啸噴喷噸吨嚇吓嚐尝嚕噜嚨咙嚴严囂嚣囉啰囑嘱囪囱國国圍围園园\
    圓圆圖图團团執执堅坚堯尧報报場场塊块塗涂塵尘塹堑墊垫墜坠墮堕墳坟墾垦壇坛壓压壘垒壞坏壟垄壩坝壯壮壺壶壽寿夠够夢梦\
    夥伙夾夹奧奥奪夺奮奋妝妆妳你姍姗姦奸姪侄娛娱婁娄婦妇媧娲媽妈嫵妩嫻娴嬌娇嬰婴嬸婶孫孙學学宮宫寢寝實实寧宁審审寫写\
    寬宽寵宠寶宝將将專专尋寻對对導导尷尴屆届屍尸屜屉屢屡層层屬属岡冈島岛峽峡崑昆崗岗嶄崭嶇岖嶺岭嶼屿嶽岳巒峦帥帅師师\
    帳帐帶带幀帧幟帜幣币幫帮幹干幾几庫库廁厕廈厦廚厨廟庙廠厂廢废廣广廬庐廳厅張张強强彆别彈弹彌弥彎弯彙汇彥彦後后徑径\
    從从復复徵征徹彻恆恒恥耻悅悦悶闷悽凄惡恶惱恼愛爱愴怆態态慘惨慚惭慣惯慫怂慳悭慶庆慾欲憂忧憊惫憐怜憑凭憤愤憫悯憲宪\
    憶忆懇恳應应懲惩懶懒懷怀懸悬懼惧戰战戲戏戶户扞捍拋抛捨舍掃扫掄抡掙挣掛挂採采揀拣揚扬換换揮挥損损搖摇搗捣搶抢搾榨\
    摯挚摳抠撈捞撐撑撓挠撥拨撫抚撲扑撿捡擁拥擄掳擇择擊击擋挡擔担據据擠挤擡抬擬拟擰拧擱搁擲掷擴扩擺摆擾扰攏拢攔拦攙搀\
    攜携攝摄攤摊攪搅攬揽敗败敘叙敵敌數数斂敛斃毙斕斓斬斩斷断於于昇升時时晉晋晝昼暈晕暉晖暢畅暫暂曆历曇昙曉晓曖暧曠旷\
    曬晒書书會会朧胧朮术東东柵栅栢柏條条棄弃棗枣棟栋棧栈棲栖椏桠楊杨楓枫業业極极榮荣構构槍枪槓杠樂乐樅枞樓楼標标樞枢\
    樣样樸朴樹树樺桦橋桥機机橢椭橫横檔档檢检檯台檳槟檸柠櫃柜櫻樱欄栏權权欖榄欽钦歐欧歡欢歲岁歷历歸归殘残殞殒殯殡殲歼\
    殺杀殼壳毀毁毆殴氈毡氣气氫氢氾泛汙污決决沒没沖冲況况洩泄涼凉淒凄淚泪淨净淪沦淵渊淺浅減减測测渾浑湊凑湯汤準准溝沟\
    溫温滄沧滅灭滙汇滬沪滯滞滲渗滾滚滿满漁渔漢汉漲涨漸渐漿浆潔洁潰溃澀涩澆浇澤泽濁浊濃浓濕湿濘泞濛蒙濟济濤涛濫滥濱滨\
    濺溅濾滤瀉泻瀕濒瀝沥瀟潇瀾澜灑洒灘滩灝灏灣湾災灾炤照為为烏乌無无煉炼煖暖煙烟煥焕煩烦熱热燄焰燈灯燒烧燙烫營营燦灿\
    燭烛爍烁爐炉爛烂爭争爺爷爾尔牀床牆墙牘牍牽牵犛牦犧牺狀状狹狭猶犹獃呆獄狱獅狮獎奖獨独獲获獵猎獸兽獻献現现瑤瑶瑩莹\
    瑪玛環环璽玺瓊琼甕瓮產产畝亩畢毕畫画異异當当疊叠痺痹瘋疯瘡疮瘧疟療疗癒愈癢痒癥症癮瘾癱瘫癲癫發发皁皂皺皱盃杯盜盗\
    盞盏盡尽監监盤盘盧卢眾众睜睁瞞瞒瞭了矚瞩矯矫砲炮硃朱硯砚碩硕確确碼码磚砖礎础礙碍礦矿祇只祕秘祿禄禍祸禕祎禦御禪禅\
    禮礼禱祷秈籼種种稱称穀谷積积穢秽穩稳穫获窩窝窪洼窮穷竄窜竅窍竊窃競竞筆笔筍笋節节範范築筑篩筛簡简簷檐簽签簾帘籃篮\
    籌筹籠笼籤签粧妆糧粮糰团糾纠紀纪約约紅红紋纹納纳紐纽純纯紗纱紙纸級级紛纷紡纺細细紳绅紹绍終终絃弦絆绊結结絕绝絞绞\
    絡络絢绚給给絨绒統统絲丝絹绢綁绑綉绣經经綜综綠绿維维綱纲綴缀綺绮綻绽綿绵緊紧緒绪線线締缔緣缘編编緩缓緬缅縈萦縛缚\
    縣县縫缝縮缩縱纵總总績绩繃绷織织繞绕繡绣繩绳繪绘繫系繳缴繹绎繼继續续纏缠纔才纖纤纜缆罈坛罎坛罰罚罷罢羅罗羣群羨羡\
    義义羶膻習习翹翘耑专聖圣聞闻聯联聰聪聲声聳耸職职聽听聾聋肅肃脅胁脈脉脣唇脫脱脹胀腎肾腦脑腫肿腳脚腸肠膚肤膠胶膩腻\
    膽胆膿脓臉脸臍脐臘腊臟脏臥卧臨临臺台與与興兴舉举舊旧艙舱艦舰艱艰艸草莊庄莖茎華华菸烟萬万葉叶著着葯药葷荤蒐搜蓋盖\
    蔘参蔣蒋蔥葱蔭荫蕩荡蕪芜蕭萧薌芗薑姜薦荐薩萨藍蓝藝艺藥药蘆芦蘇苏蘊蕴蘋苹蘗蘖蘭兰蘿萝處处虛虚號号虧亏蝕蚀蝦虾蝸蜗\
    螞蚂螢萤蟇蟆蟬蝉蟲虫蟻蚁蠅蝇蠟蜡蠶蚕蠻蛮衆众術术衛卫袴裤裏里補补裝装裡里製制複复褲裤褻亵襖袄襠裆襯衬襲袭覈核見见\
    規规覓觅視视親亲覺觉覽览觀观觸触訂订計计訊讯討讨訓训託托記记訝讶訟讼訣诀訪访設设許许訴诉診诊詐诈評评詛诅詞词詠咏\
    詢询試试詩诗詭诡話话該该詳详誇夸認认誕诞誘诱語语誠诚誤误誨诲說说誰谁課课調调談谈請请諒谅論论諜谍諱讳諷讽諸诸諾诺\
    謀谋謊谎謙谦講讲謝谢謠谣謹谨證证譏讥識识譜谱譭毁譯译議议譴谴護护譽誉讀读變变讓让讚赞豈岂豎竖豐丰豔艳豬猪貍狸貓猫\
    貝贝貞贞負负財财貢贡貧贫貨货販贩貪贪貫贯責责貯贮貳贰貴贵買买貸贷費费貼贴貿贸賀贺賄贿資资賊贼賓宾賜赐賞赏賠赔賢贤\
    賣卖賤贱質质賬账賭赌賴赖賸剩賺赚購购賽赛贈赠贊赞贏赢趕赶趙赵趨趋跡迹踐践踴踊蹟迹蹤踪躍跃軀躯車车軌轨軍军軒轩軟软\
    軸轴較较載载輓挽輔辅輕轻輛辆輝辉輩辈輪轮輯辑輸输輿舆轄辖轉转轎轿轟轰辦办辭辞辯辩農农迴回這这連连週周進进遊游運运\
    過过達达違违遜逊遞递遠远適适遲迟遷迁選选遺遗遼辽邁迈還还邊边邏逻郵邮鄉乡鄒邹鄕乡鄧邓鄭郑鄰邻醃腌醜丑醞酝醫医醬酱\
    釀酿釁衅釋释釐厘釘钉針针釣钓鈉钠鈎钩鈔钞鈕钮鈴铃鉗钳鉚铆鉛铅鉤钩銀银銅铜銘铭銳锐銷销銹锈鋒锋鋪铺鋸锯鋼钢錄录錐锥\
    錘锤錢钱錦锦錨锚錫锡錯错錶表鍵键鍾钟鎖锁鎗枪鎮镇鏈链鏡镜鏢镖鏽锈鐘钟鐵铁鑄铸鑒鉴鑪炉鑰钥鑼锣鑽钻鑿凿長长門门閃闪\
    閉闭開开閑闲閒闲間间閣阁閤合閥阀閱阅闆板闊阔闌阑闖闯關关陣阵陰阴陳陈陸陆陽阳隊队階阶際际隨随險险隱隐隸隶雖虽雙双\
    雛雏雜杂雞鸡離离難难雲云電电霑沾霧雾靂雳靈灵靜静鞦秋韆千韋韦韓韩響响頁页頂顶項项順顺須须頌颂預预頑顽頒颁頓顿頗颇\
    領领頭头頸颈頻频題题額额顏颜願愿顛颠類类顧顾顫颤顯显風风颱台飄飘飛飞飜翻飢饥飯饭飲饮飼饲飽饱飾饰餃饺餅饼養养餓饿\
    餘余館馆餵喂饅馒饒饶馀余馬马馮冯馱驮馳驰馴驯駁驳駐驻駕驾駛驶駭骇駱骆騎骑騙骗騰腾騷骚驅驱驗验驚惊驟骤驢驴髒脏體体\
    髮发鬆松鬍胡鬚须鬥斗鬧闹鬨哄魚鱼魯鲁鮮鲜鯨鲸鳥鸟鳳凤鳴鸣鴉鸦鴨鸭鴻鸿鵝鹅鶯莺鶴鹤鷹鹰鹵卤鹹咸鹼碱鹽盐麗丽麥麦麪面\
    麵面麼么黃黄點点黨党黴霉鼴鼹齊齐齋斋齒齿齣出龍龙龐庞龜龟\
";

/// Letters that look like a Latin one, each followed by it; sorted by the first of two.
const LATIN: &str = "\
    ßsøođdħhıiłlŧtſsɑaɡgɢgɪiɴnʀrʏyʙbʜhʟlαaβbγyδdεeζzηnιiκkμuνvοo\
    ρpςsσoτtυuχxωwϲcаaвbгrеeкkмmнhоoпnрpсcтtуyхxцuёeѕsіiїiјjѵvһh\
    ӏlԁdԛqԝwᴀaᴄcᴅdᴇeᴊjᴋkᴍmᴏoᴘpᴛtᴜuᴠvᴡwᴢz\
";

/// The plainest form of a letter in lower case.
pub(crate) fn plainest(char: char) -> char {
    match char {
        it if it.is_ascii() => it,
        '\u{4e00}'..='\u{9fff}' => lookup(&HAN_PAIRS, char),
        _ => lookup(&LATIN_PAIRS, char),
    }
}

const HAN_PAIRS: [(char, char); HAN_COUNT] = pairs(HAN);
const HAN_COUNT: usize = count(HAN) / 2;
const LATIN_PAIRS: [(char, char); LATIN_COUNT] = pairs(LATIN);
const LATIN_COUNT: usize = count(LATIN) / 2;

fn lookup(pairs: &'static [(char, char)], char: char) -> char {
    pairs
        .binary_search_by_key(&char, |it| it.0)
        .map_or(char, |at| pairs[at].1)
}

const fn count(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut n, mut at) = (0, 0);
    while at < bytes.len() {
        n += (bytes[at] & 0xc0 != 0x80) as usize;
        at += 1;
    }
    n
}

const fn pairs<const N: usize>(text: &str) -> [(char, char); N] {
    let mut pairs = [('\0', '\0'); N];
    let (mut n, mut at) = (0, 0);
    while n < N {
        let (from, after) = char_at(text.as_bytes(), at);
        let (to, after) = char_at(text.as_bytes(), after);
        pairs[n] = (from, to);
        (n, at) = (n + 1, after);
    }
    pairs
}

/// The character at a byte, and where the next one begins. Nothing above U+FFFF is in the tables.
const fn char_at(bytes: &[u8], at: usize) -> (char, usize) {
    let (bits, len) = match bytes[at] {
        it if it < 0x80 => (it as u32, 1),
        it if it < 0xe0 => ((it as u32 & 0x1f) << 6 | (bytes[at + 1] as u32 & 0x3f), 2),
        it => (
            (it as u32 & 0x0f) << 12
                | (bytes[at + 1] as u32 & 0x3f) << 6
                | (bytes[at + 2] as u32 & 0x3f),
            3,
        ),
    };
    match char::from_u32(bits) {
        Some(char) => (char, at + len),
        None => panic!("the tables are UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_lead_to_forms_that_lead_nowhere() {
        for pairs in [&HAN_PAIRS[..], &LATIN_PAIRS[..]] {
            assert!(pairs.is_sorted_by(|a, b| a.0 < b.0));
            for (from, to) in pairs {
                assert_eq!(plainest(*to), *to, "{from} {to}");
            }
        }
        assert_eq!(plainest('灣'), '湾');
        assert_eq!(plainest('а'), 'a', "Cyrillic");
        assert_eq!(plainest('山'), '山');
    }
}
