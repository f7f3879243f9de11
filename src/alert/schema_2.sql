-- Version 1 named the sentence `said`, in the table and in the message.
alter table alert rename column said to text;
update alert set body = json_set(json_remove(body, '$.said'), '$.text', text);
