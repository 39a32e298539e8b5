/** 繁體中文：畫面與網路。 */
import type { fit as englishFit } from "../en/fit";

export const fit: typeof englishFit = {
  soundAlone: "網路較慢，先只播聲音；好轉後畫面會自動回來。",
};
