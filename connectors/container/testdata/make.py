"""Writes the container files beside it anew, each with the CSV that is to come out of it.

    python3 connectors/container/testdata/make.py

It needs fastavro, avro, cramjam and backports.zstd. The records are made up. The CSV is made from the records and not from the files.
"""

import base64
import csv
import datetime
import decimal
import io
import json
import pathlib
import uuid

import avro.datafile
import avro.io
import avro.schema
import fastavro

here = pathlib.Path(__file__).parent
utc = datetime.timezone.utc


def dump(v):
    """A value within a record, array or map, as JSON."""
    if isinstance(v, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + dump(x) for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(dump, v)) + "]"
    if isinstance(v, decimal.Decimal):
        return cell(v)
    return json.dumps(v if v is None or isinstance(v, (bool, int, float)) else cell(v), ensure_ascii=False)


def cell(v):
    if v is None:
        return ""
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, bytes):
        return base64.b64encode(v).decode()
    if isinstance(v, datetime.datetime):
        text = v.replace(tzinfo=None).isoformat(timespec="auto")
        if v.microsecond and v.microsecond % 1000 == 0:
            text = text[:-3]
        return text + ("Z" if v.tzinfo else "")
    if isinstance(v, datetime.time):
        return v.isoformat(timespec="auto" if v.microsecond % 1000 else "milliseconds" if v.microsecond else "seconds")
    if isinstance(v, (datetime.date, uuid.UUID)):
        return str(v)
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (dict, list)):
        return dump(v)
    return str(v)


def write_csv(name, schema, rows):
    out = io.StringIO()
    w = csv.writer(out, lineterminator="\n")
    names = [f["name"] for f in schema["fields"]]
    w.writerow(names)
    for row in rows:
        w.writerow([cell(row.get(n)) for n in names])
    (here / (name + ".csv")).write_text(out.getvalue(), encoding="utf-8", newline="")


def write(name, schema, rows, codecs):
    for codec in codecs:
        file = f"{name}-{codec}.avro"
        with open(here / file, "wb") as f:
            fastavro.writer(f, schema, rows, codec=codec, sync_interval=2000, sync_marker=bytes(range(16)))
    write_csv(name, schema, rows)


staff = {
    "type": "record", "name": "Staff", "namespace": "county.staff", "doc": "Who is paid.",
    "fields": [
        {"name": "id_number", "type": "string", "doc": "Number of identity.", "aliases": ["证件号码", "id"]},
        {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "month", "type": "int"},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "since", "type": ["null", {"type": "int", "logicalType": "date"}], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["BASIC", "POST", "OTHER"]}},
        {"name": "again", "type": ["Kind", "null"]},
        {"name": "changed", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
people = [
    {
        "id_number": f"13972119900101{n:04d}", "name": None if n % 7 == 0 else f"张三{n}，“甲”" if n % 5 else f'O"Neil, {n}\r\n二',
        "month": 202601 + n % 12, "amount": decimal.Decimal(n * 12345 - 900000).scaleb(-2),
        "since": None if n % 3 == 0 else datetime.date(1969, 12, 1) + datetime.timedelta(days=n * 37),
        "kind": ["BASIC", "POST", "OTHER"][n % 3], "again": None if n % 2 else "POST",
        "changed": datetime.datetime(2026, 10, 1, 8, 30, n % 60, (n % 4) * 250000, tzinfo=utc),
    }
    for n in range(150)
]
write("staff", staff, people, ["null", "deflate", "snappy", "zstandard"])

# The library of Apache itself, with its own deflate.
with open(here / "staff-apache.avro", "wb") as f:
    w = avro.datafile.DataFileWriter(f, avro.io.DatumWriter(), avro.schema.parse(json.dumps(staff)), codec="deflate")
    w.sync_marker = bytes(range(16))
    for row in people:
        w.append(row)
    w.close()

types = {
    "type": "record", "name": "Types",
    "fields": [
        {"name": "nothing", "type": "null"},
        {"name": "truth", "type": "boolean"},
        {"name": "int", "type": "int"},
        {"name": "long", "type": "long"},
        {"name": "float", "type": "float"},
        {"name": "double", "type": "double"},
        {"name": "bytes", "type": "bytes"},
        {"name": "string", "type": "string"},
        {"name": "fixed", "type": {"type": "fixed", "name": "F", "size": 5}},
        {"name": "decimal_fixed", "type": {"type": "fixed", "name": "D", "size": 12, "logicalType": "decimal", "precision": 25, "scale": 6}},
        {"name": "decimal_wide", "type": {"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 3}},
        {"name": "date", "type": {"type": "int", "logicalType": "date"}},
        {"name": "time_millis", "type": {"type": "int", "logicalType": "time-millis"}},
        {"name": "time_micros", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "timestamp_millis", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "timestamp_micros", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "local_millis", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "local_micros", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
        {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "any", "type": ["null", "boolean", "long", "double", "string", "bytes"]},
    ],
}
when = datetime.datetime(1961, 4, 12, 6, 7, 8, 910000, tzinfo=utc)
one = {
    "nothing": None, "truth": True, "int": -(2**31), "long": 2**63 - 1, "float": 0.5, "double": -1234.0625, "bytes": b"\x00\xff\xfe",
    "string": "𠮷野家", "fixed": b"12345", "decimal_fixed": decimal.Decimal("-1234567890123456789.000001"),
    "decimal_wide": decimal.Decimal("9999999999999999999999999999999999999.999"), "date": datetime.date(1900, 2, 28),
    "time_millis": datetime.time(23, 59, 59, 999000), "time_micros": datetime.time(0, 0, 0, 1), "timestamp_millis": when,
    "timestamp_micros": when + datetime.timedelta(microseconds=1), "local_millis": when.replace(tzinfo=None),
    "local_micros": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), "uuid": uuid.UUID(int=0x1234567890ABCDEF), "any": 17,
}
two = {
    "nothing": None, "truth": False, "int": 2**31 - 1, "long": -(2**63), "float": -3.25, "double": 0.1, "bytes": b"", "string": "",
    "fixed": b"\n\n\n\n\n", "decimal_fixed": decimal.Decimal("0.000000"), "decimal_wide": decimal.Decimal("-0.001"),
    "date": datetime.date(2026, 10, 1), "time_millis": datetime.time(8, 30), "time_micros": datetime.time(8, 30, 0, 120000),
    "timestamp_millis": datetime.datetime(1970, 1, 1, tzinfo=utc), "timestamp_micros": datetime.datetime(2026, 10, 1, 12, tzinfo=utc),
    "local_millis": datetime.datetime(2026, 10, 1, 12), "local_micros": datetime.datetime(1, 1, 1, 0, 0, 1), "uuid": uuid.UUID(int=0),
    "any": None,
}
kinds = [dict(two, any=v) for v in (True, -5, 2.5, 'a "b", c', b"\x01\x02", "\n")]
write("types", types, [one, two] + kinds, ["null"])

nested = {
    "type": "record", "name": "Unit", "namespace": "a.b",
    "fields": [
        {"name": "uscc", "type": "string"},
        {"name": "address", "type": {"type": "record", "name": "Address", "fields": [
            {"name": "place", "type": "string"}, {"name": "code", "type": ["null", "int"]}]}},
        {"name": "others", "type": {"type": "array", "items": "Address"}},
        {"name": "counts", "type": {"type": "map", "values": "long"}},
        {"name": "chain", "type": ["null", {"type": "record", "name": "c.Link", "fields": [
            {"name": "n", "type": "int"}, {"name": "next", "type": ["null", "Link"]}]}]},
        {"name": "tree", "type": {"type": "record", "name": "Tree", "fields": [
            {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
            {"name": "pay", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "raw", "type": "bytes"},
            {"name": "below", "type": {"type": "array", "items": "a.b.Tree"}}]}},
        {"name": "lists", "type": {"type": "array", "items": {"type": "array", "items": ["null", "string", "boolean"]}}},
    ],
}


def tree(depth, n=0):
    return {
        "day": None if depth % 2 else datetime.date(2026, 1, 1 + depth), "pay": decimal.Decimal(n * 150 + depth).scaleb(-2),
        "raw": bytes([depth, n]), "below": [tree(depth - 1, i) for i in range(depth)],
    }


def chain(n):
    return None if n == 0 else {"n": n, "next": chain(n - 1)}


units = [
    {
        "uscc": f"12139721MA{n:08d}", "address": {"place": f"东关\n{n}\t路\\\"{n}\"", "code": None if n else 139721},
        "others": [{"place": "", "code": -1}] * n, "counts": {f"键{i}": i << 40 for i in range(n)}, "chain": chain(n * 9),
        "tree": tree(n), "lists": [[], [None], ["甲,乙", True]][:n],
    }
    for n in range(4)
]
write("nested", nested, units, ["deflate"])
