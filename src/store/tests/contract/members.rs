//! The list of members: by name, a page at a time, however the name is written.

use store::{MembersOf, NewAccount, Role, Store};

use crate::disks::{CIRCLE, Home, on_both_engines, set_up};

on_both_engines! {
    pages_follow_each_other_by_name_without_a_hole_or_a_double
    a_search_finds_a_part_of_a_name_as_it_looks_and_nothing_by_pattern
    the_order_stays_while_roles_change_between_two_pages
}

async fn circle_of(home: &Home, names: &[&str]) -> Store {
    let store = home.open();
    set_up(&store, 0).await;
    for (n, name) in names.iter().enumerate() {
        let new = NewAccount {
            id: format!("m_{n}").into(),
            name: (*name).to_owned(),
            password: "$hash".into(),
            made_ms: 10 + n as u64,
        };
        store.add_account(CIRCLE, Role::Member, new).await.unwrap();
    }
    store
}

/// The names that a search finds, walked in pages of `n`.
async fn walk(store: &Store, mut of: MembersOf, n: usize) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = store.members(CIRCLE, of.clone(), n).await.unwrap();
        assert!(page.rows.len() <= n);
        names.extend(page.rows.iter().map(|it| it.name.clone()));
        if !page.more {
            assert_eq!(
                page.count as usize,
                names.len(),
                "the count is of all pages"
            );
            return names;
        }
        of.after = page.rows.last().map(|it| it.id.clone());
    }
}

async fn pages_follow_each_other_by_name_without_a_hole_or_a_double(home: Home) {
    let store = circle_of(&home, &["zoe", "Anna", "李雷", "ben", "Ｃhen", "100%"]).await;
    let expected = ["100%", "Anna", "ben", "Ｃhen", "Owner", "zoe", "李雷"];
    for n in [1, 2, 3, 7, 100] {
        let all = walk(&store, MembersOf::default(), n).await;
        assert_eq!(all, expected, "in pages of {n}");
    }
    let page = store
        .members(CIRCLE, MembersOf::default(), 2)
        .await
        .unwrap();
    let anna = &page.rows[1];
    assert_eq!(
        (anna.id.as_str(), anna.role, anna.joined_ms),
        ("m_1", Role::Member, 11)
    );
    let none = store
        .members(CIRCLE + 1, MembersOf::default(), 9)
        .await
        .unwrap();
    assert_eq!((none.rows.len(), none.count, none.more), (0, 0, false));
    let after = Some("m_nobody".into());
    let after_nobody = MembersOf {
        after,
        ..MembersOf::default()
    };
    assert_eq!(
        store.members(CIRCLE, after_nobody, 9).await.unwrap().rows,
        []
    );
}

async fn a_search_finds_a_part_of_a_name_as_it_looks_and_nothing_by_pattern(home: Home) {
    let store = circle_of(
        &home,
        &["Anna Li", "ANNE", "Ｈａｎｓ", "100%", "a_b", "李雷"],
    )
    .await;
    let find = async |named: &str| {
        let of = MembersOf {
            named: named.to_owned(),
            ..MembersOf::default()
        };
        walk(&store, of, 1).await
    };
    assert_eq!(find("ann").await, ["Anna Li", "ANNE"]);
    assert_eq!(find(" ａＮＮａ ").await, ["Anna Li"]);
    assert_eq!(find("han").await, ["Ｈａｎｓ"]);
    assert_eq!(find("李").await, ["李雷"]);
    assert_eq!(find("%").await, ["100%"]);
    assert_eq!(find("_").await, ["a_b"]);
    assert_eq!(find("nobody").await, Vec::<String>::new());
}

async fn the_order_stays_while_roles_change_between_two_pages(home: Home) {
    let store = circle_of(&home, &["a", "b", "c", "d"]).await;
    let first = store
        .members(CIRCLE, MembersOf::default(), 2)
        .await
        .unwrap();
    store
        .set_role(CIRCLE, "m_1".into(), Role::Moderator)
        .await
        .unwrap();
    let after = first.rows.last().map(|it| it.id.clone());
    let of = MembersOf {
        after,
        ..MembersOf::default()
    };
    let rest = store.members(CIRCLE, of, 100).await.unwrap();
    let names: Vec<_> = rest.rows.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["c", "d", "Owner"]);
    let of = |role| MembersOf {
        role: Some(role),
        ..MembersOf::default()
    };
    assert_eq!(walk(&store, of(Role::Moderator), 9).await, ["b"]);
    assert_eq!(walk(&store, of(Role::Owner), 9).await, ["Owner"]);
    assert_eq!(walk(&store, of(Role::Member), 2).await, ["a", "c", "d"]);
}
