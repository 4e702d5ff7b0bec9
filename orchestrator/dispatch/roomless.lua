#!lua flags=allow-oom
-- What must be carried out when Redis is full, too: this line stands before its text. A call that is
-- settled makes room.
