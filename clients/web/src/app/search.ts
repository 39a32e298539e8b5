/** Finding what was said: loaded with its page. */
import { Search, type SearchApi, type Weiquan } from "@weiquan/client";

export const search = (client: Weiquan): SearchApi => new Search(client);
