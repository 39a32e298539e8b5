/** The check of this browser and its line: loaded with its page. */
import { Check, type CheckApi } from "@weiquan/client";

export const check = (): CheckApi => new Check({ base: location.origin });
