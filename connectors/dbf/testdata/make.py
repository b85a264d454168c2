"""Makes the tables of this folder with dbf 0.99.11: python3 make.py. All numbers and names are made up."""
import datetime
import warnings

import dbf

warnings.simplefilter("ignore")

COLUMNS = "姓名 C(10); 证件号 C(18); AMOUNT N(10,2); BORN D; RETIRED L"
ROWS = [
    ("张三", "139721199001011234", 5432.10, datetime.date(1990, 1, 1), False),
    ("欧阳明", "139721199001015678", -0.5, datetime.date(1988, 2, 29), True),
    ("Anna,\"A\"", "", None, None, None),
    ("李四", "139721199001019012", 99, datetime.date(1990, 1, 1), False),
]


def make(name, code_page, delete):
    table = dbf.Table(name, COLUMNS, codepage=code_page, dbf_type="db3")
    table.open(dbf.READ_WRITE)
    for row in ROWS:
        table.append(row)
    if delete:
        with table[3] as record:
            dbf.delete(record)
    table.close()
    with open(name, "r+b") as file:  # the day of the last change, so that the same file comes out every day
        file.seek(1)
        file.write(bytes([126, 1, 1]))


make("cp936.dbf", "cp936", True)
make("utf8.dbf", "utf8", False)
