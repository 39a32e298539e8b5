/** 简体中文：画面与网络。 */
import type { fit as englishFit } from "../en/fit";

export const fit: typeof englishFit = {
  soundAlone: "网络较慢，先只放声音；好转后画面会自动回来。",
};
