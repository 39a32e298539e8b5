-- New terms go into the index at once. PostgreSQL gathers them in a list of up to 4 MB otherwise, which every search reads
-- from end to end, and every now and then a text that comes in waits until it is sorted in.
--! postgres
ALTER INDEX search_docs_by_words SET (fastupdate = off);
SELECT gin_clean_pending_list('search_docs_by_words');
--! both
