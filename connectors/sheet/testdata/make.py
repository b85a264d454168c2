"""Makes the workbooks of this folder with openpyxl 3.1.5: python3 make.py. All numbers and names are made up."""
import datetime
import zipfile

import openpyxl
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.utils.datetime import CALENDAR_MAC_1904


def days(name, epoch=None):
    """Days and times in the formats of an office, some of them hidden in a second sheet."""
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = epoch
    page = book.active
    page.title = "日期"
    page.append(["格式", "值"])
    at = datetime.datetime(2026, 10, 1, 8, 30, 0)
    for code, value in [
        ("yyyy-mm-dd", at.date()), ('yyyy"年"m"月"d"日"', at.date()), ('[$-804]yyyy"年"m"月"d"日";@', at.date()),
        ("[DBNum1][$-804]yyyy年m月d日", at.date()), ("mm-dd-yy", at.date()), ("yyyymm", at.date()),
        ("yyyy-mm-dd hh:mm:ss", at), ("m/d/yy h:mm", at), ("yyyy-mm-dd hh:mm:ss", datetime.datetime(2026, 10, 1)),
        ("h:mm", at.time()), ('上午/下午h"时"mm"分"', at.time()), ("[h]:mm:ss", datetime.timedelta(hours=25, minutes=30)),
        ("0.00", 46296.5), ("@", "2026-10-01"),
    ]:
        page.append([code, value])
        page.cell(page.max_row, 2).number_format = code
    hidden = book.create_sheet("别看", 0)
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    book.save(name)


def persons(name):
    """Identity numbers as texts and, as they should not be, as numbers; rare characters; fonts; errors."""
    book = openpyxl.Workbook(write_only=False)
    page = book.active
    page.append(["证件号码", "姓名", "应发"])
    page.append(["139721199001011234", "张三", 5432.1])
    page.append([139721199001011234, "李四", 0.1 + 0.2])
    page.append([1.39721199001011e17, "王五", 100])
    page.append(["139721199001015678", "䶮㛃𬀩𠮷", -0.5])
    page.append(["139721199001019012", CellRichText("买买提", TextBlock(InlineFont(b=True), " · "), "吐尔逊"), "#N/A"])
    page.append(["139721199001013456", "赵\n六,\"小\"", "=C2*2"])
    page.append([])
    page.append([None, True, False])
    page.merge_cells("A10:B11")
    page["A10"] = "合计"
    page["C10"] = 5532.4
    page.freeze_panes = "A2"
    book.create_sheet("说明").append(["无"])
    book.save(name)


def still(name):
    """Takes the times of making out, so that the same file comes out every time."""
    with zipfile.ZipFile(name) as old:
        parts = [(entry.filename, old.read(entry)) for entry in old.infolist()]
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as new:
        for part, content in parts:
            if part != "docProps/core.xml":
                new.writestr(zipfile.ZipInfo(part, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)


days("days1900.xlsx")
days("days1904.xlsx", CALENDAR_MAC_1904)
persons("persons.xlsx")
for file in ["days1900.xlsx", "days1904.xlsx", "persons.xlsx"]:
    still(file)
