"""``cardea`` with a fault: neither ingest nor ledger recognises what is stored already."""

import sys

from sqlalchemy import UniqueConstraint

from cardea.cli.main import main
from cloud.ingest import group
from cloud.ledger import tables, writer

_take, _insert_new = group.take, writer.insert_new


def insert_always(dialect, table, keys):
    return table.insert() if table is tables.decisions else _insert_new(dialect, table, keys)


group.take = lambda delivery, number, held: _take(delivery, number, ())
writer.insert_new = insert_always
for constraint in [c for c in tables.decisions.constraints if isinstance(c, UniqueConstraint)]:
    tables.decisions.constraints.remove(constraint)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
