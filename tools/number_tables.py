#!/usr/bin/env python3
"""Writes what the project needs from libphonenumber beyond its main metadata, from Python's `phonenumbers`:

  src/phone/short_numbers.tsv   emergency numbers and short codes of each region (the main metadata has none)
  tests/fixtures/numbers.tsv    libphonenumber's own example numbers, for the tests

    pip install phonenumbers==9.0.43 && tools/number_tables.py
"""

import itertools
import pathlib
import re

import phonenumbers
from phonenumbers import PhoneNumberType as Type
from phonenumbers.phonemetadata import PhoneMetadata

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSION = phonenumbers.__version__
KINDS = {
    Type.FIXED_LINE: "fixed_line",
    Type.MOBILE: "mobile",
    Type.VOIP: "voip",
    Type.TOLL_FREE: "toll_free",
    Type.PREMIUM_RATE: "premium",
    Type.SHARED_COST: "shared_cost",
    Type.PERSONAL_NUMBER: "personal",
    Type.PAGER: "pager",
    Type.UAN: "uan",
    Type.VOICEMAIL: "voicemail",
}
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def pattern(desc):
    return re.sub(r"\s", "", desc.national_number_pattern or "") if desc else ""


def emergency_numbers(short):
    """Every text that the region's emergency pattern matches as a whole."""
    text = pattern(short.emergency)
    if not text:
        return []
    lengths = short.emergency.possible_length or short.general_desc.possible_length
    texts = ("".join(digits) for length in lengths for digits in itertools.product("0123456789", repeat=length))
    return [number for number in texts if re.fullmatch(text, number)]


def short_numbers():
    lines = [
        f"# libphonenumber ShortNumberInfo {VERSION}, made by tools/number_tables.py; do not edit.",
        "# calling code, region, emergency numbers, pattern of all short codes",
    ]
    for region in REGIONS:
        short = PhoneMetadata.short_metadata_for_region(region)
        if short:
            code = phonenumbers.country_code_for_region(region)
            lines.append(f"{code}\t{region}\t{' '.join(emergency_numbers(short))}\t{pattern(short.short_code)}")
    return lines


def examples():
    lines = [
        f"# libphonenumber {VERSION}: its own examples, made by tools/number_tables.py; do not edit.",
        "# region, kind, number",
    ]
    for region in REGIONS:
        code = phonenumbers.country_code_for_region(region)
        for kind, word in KINDS.items():
            example = phonenumbers.example_number_for_type(region, kind)
            if example:
                text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                # An example may be of another kind than it is filed under: the library's own answer counts.
                found = phonenumbers.number_type(example)
                word = "fixed_or_mobile" if found == Type.FIXED_LINE_OR_MOBILE else KINDS.get(found, word)
                lines.append(f"{region}\t{word}\t{text}")
        short = PhoneMetadata.short_metadata_for_region(region)
        if short:
            emergency = (short.emergency and short.emergency.example_number) or ""
            for word, desc in (("emergency", short.emergency), ("short_code", short.short_code)):
                number = desc and desc.example_number
                if number:
                    word = "emergency" if number == emergency else word
                    lines += [f"{region}\t{word}\t{number}", f"{region}\t{word}\t+{code}{number}"]
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        metadata = PhoneMetadata.metadata_for_nongeo_region(code)
        for name in ("mobile", "voip", "toll_free", "premium_rate", "shared_cost", "uan", "voicemail"):
            desc = getattr(metadata, name)
            if desc and desc.example_number:
                kind = KINDS.get(phonenumbers.number_type(phonenumbers.parse(f"+{code}{desc.example_number}")))
                lines.append(f"001\t{kind}\t+{code}{desc.example_number}")
    return list(dict.fromkeys(lines))


def write(path, lines):
    (ROOT / path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path}: {len(lines) - 2} lines, {VERSION}")


if __name__ == "__main__":
    write("src/phone/short_numbers.tsv", short_numbers())
    write("tests/fixtures/numbers.tsv", examples())
