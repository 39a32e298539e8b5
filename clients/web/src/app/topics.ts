/** Lists of topics: loaded with the first page that has one. */
import { Topics, type TopicsApi, type Weiquan } from "@weiquan/client";

let made: TopicsApi | undefined;

export const topics = (client: Weiquan): TopicsApi => (made ??= new Topics(client));
