import type { Statement } from "./statement.ts";

const BACKSLASH = "\\";

export const BYTES_CASES: readonly Statement[] = [
  {
    source: "rules.Bytes",
    says: "b'...' holds characters as UTF-8, two hexadecimal digits after \\x and three octal ones after a backslash",
    true: [
      `b'*' == b'${BACKSLASH}x2A'`,
      `b'*' == b'${BACKSLASH}052'`,
      `b'€' == b'${BACKSLASH}342${BACKSLASH}202${BACKSLASH}254'`,
      `b'€' == b'${BACKSLASH}xE2${BACKSLASH}x82${BACKSLASH}xAC'`,
      "b\"a\" == b'a'",
      "b'' == b''",
    ],
    false: ["b'a' == b'b'", "b'a' == 'a'"],
  },
  {
    source: "rules.Bytes#size",
    says: "the number of bytes",
    true: [
      `b'${BACKSLASH}xFF${BACKSLASH}xFF'.size() == 2`,
      "b'a'.size() == 1",
      "b'€'.size() == 3",
      "resource.data.raw.size() == 2",
    ],
  },
  {
    source: "rules.Bytes#toBase64",
    says: "base64url as in RFC 4648, which pads",
    true: [
      `b'${BACKSLASH}xFB${BACKSLASH}xEF${BACKSLASH}xBE'.toBase64() == '----'`,
      "'a'.toUtf8().toBase64() == 'YQ=='",
      `b'${BACKSLASH}xFF${BACKSLASH}xFF${BACKSLASH}xFF'.toBase64() == '____'`,
      "b''.toBase64() == ''",
    ],
  },
  {
    source: "rules.Bytes#toHexString",
    says: "two hexadecimal digits for each byte, in capitals",
    true: [
      `b'${BACKSLASH}x2A'.toHexString() == '2A'`,
      "b'**'.toHexString() == '2A2A'",
      "b'€'.toHexString() == 'E282AC'",
    ],
    false: ["b'€'.toHexString() == 'e282ac'"],
  },
  {
    source: "rules.hashing.md5, .sha256",
    says: "the hash of bytes, or of a text in UTF-8",
    true: [
      "hashing.md5('a').toHexString() == '0CC175B9C0F1B6A831C399E269772661'",
      "hashing.md5(b'a') == hashing.md5('a')",
      "hashing.sha256('a'.toUtf8()).size() == 32",
      "hashing.sha256('').toHexString() == 'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855'",
    ],
    error: ["hashing.md5(1) == hashing.md5(1)", "hashing.sha256(null).size() == 32"],
  },
  {
    source: "rules.Bytes",
    says: "bytes have methods of their own only",
    error: [
      "b'a'[0] == 97",
      "b'a' + b'b' == b'ab'",
      "b'a'.lower() == b'a'",
      "b'a'.matches('a')",
      "'a'.toHexString() == '61'",
    ],
  },
];

export const LATLNG_CASES: readonly Statement[] = [
  {
    source: "rules.latlng.value",
    says: "a point from latitude and longitude",
    true: [
      "latlng.value(1, 2) == latlng.value(1.0, 2.0)",
      "resource.data.place == latlng.value(48.5, 9.05)",
    ],
    false: ["latlng.value(1, 2) == latlng.value(2, 1)"],
    error: ["latlng.value('1', 2).latitude() == 1"],
  },
  {
    source: "rules.LatLng#latitude, #longitude",
    says: "floats within -90..90 and -180..180",
    true: [
      "latlng.value(1, 2).latitude() == 1",
      "latlng.value(1, 2).longitude() == 2",
      "latlng.value(1, 2).latitude() is float",
      "latlng.value(-90, 180).latitude() == -90",
    ],
    error: [
      "latlng.value(91, 0) == latlng.value(91, 0)",
      "latlng.value(0, -181) == latlng.value(0, -181)",
      "latlng.value(1, 2).lat == 1",
    ],
  },
  {
    source: "rules.LatLng#distance",
    says: "the distance to another point in metres (a quarter of the equator has about 10,000 km)",
    true: [
      "latlng.value(0, 0).distance(latlng.value(0, 90)) > 9990000",
      "latlng.value(0, 0).distance(latlng.value(0, 90)) < 10030000",
      "latlng.value(0, 0).distance(latlng.value(0, 0)) == 0",
      "latlng.value(90, 0).distance(latlng.value(-90, 0)) > 19980000",
      "latlng.value(0, 179.5).distance(latlng.value(0, -179.5)) < 112000",
      "latlng.value(60, 0).distance(latlng.value(60, 1)) < 56000",
      "latlng.value(1, 2).distance(latlng.value(3, 4)) is float",
    ],
    error: ["latlng.value(0, 0).distance(1) == 0", "latlng.value(0, 0).distance(null) == 0"],
  },
];
