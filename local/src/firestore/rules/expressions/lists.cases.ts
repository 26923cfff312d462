import type { Statement } from "./statement.ts";

export const LIST_CASES: readonly Statement[] = [
  {
    source: "rules.List",
    says: "[i] is the item at i and [i:j] the list from i up to but without j",
    true: [
      "[1, 2][0] == 1",
      "[1, 2][1] == 2",
      "['a', 'b', 'c'][0:1] == ['a']",
      "['a', 'b', 'c'][1:3] == ['b', 'c']",
      "[1, 2][0:2] == [1, 2]",
      "[1, 2][1:1] == []",
      "[[1], [2]][1][0] == 2",
      "resource.data.tags[0] == 'a'",
    ],
    false: ["[1, 2][0] == 2"],
  },
  {
    source: "emulator 2025",
    says: "an index or a slice outside of the list denies, and so does a negative one",
    error: [
      "[1, 2][2] == 1",
      "[1, 2][-1] == 2",
      "[][0] == null",
      "[1, 2]['0'] == 1",
      "[1, 2][1.0] == 2",
      "[1, 2][0:3] == [1, 2]",
      "[1, 2][-1:1] == []",
      "[1, 2][2:1] == []",
      "[1, 2][0:1.0] == [1]",
    ],
  },
  {
    source: "rules.List",
    says: "x == y compares lists, v in x asks whether a list holds a value",
    true: [
      "[1, 2] == [1, 2]",
      "[] == []",
      "['a'] != ['b']",
      "'a' in ['a', 'b']",
      "null in [null]",
      "[1] in [[1], [2]]",
      "{'a': 1} in [{'a': 1}]",
    ],
    false: ["[1, 2] == [2, 1]", "[1] == [1, 1]", "[1] == []", "'c' in ['a', 'b']", "null in [1]"],
  },
  {
    source: "emulator 2025",
    says: "numbers inside lists and for in are compared by type too",
    true: ["[1] != [1.0]", "!(1.0 in [1, 2])", "[[1]] != [[1.0]]", "![1].hasAny([1.0])"],
    false: ["1 in [1.0]", "[1, 2].hasAll([1.0])"],
  },
  {
    source: "rules.List#concat",
    says: "the list with the items of the other one added",
    true: ["[1, 2].concat([3]) == [1, 2, 3]", "[].concat([]) == []", "[1].concat([1]) == [1, 1]"],
    error: ["[1].concat(1) == [1]", "[1].concat(null) == [1]", "[1].concat('a') == [1]"],
  },
  {
    source: "rules.List#hasAll",
    says: "whether the list holds every item of the other one",
    true: [
      "[1, 2].hasAll([2, 1])",
      "[1, 2].hasAll([])",
      "[1].hasAll([1, 1])",
      "['a', 'b', 'c'].hasAll(['c'])",
    ],
    false: ["[1, 2].hasAll([1, 3])", "[].hasAll([1])"],
    error: ["[1].hasAll(1)", "[1].hasAll(null)"],
  },
  {
    source: "rules.List#hasAny",
    says: "whether the list holds an item of the other one",
    true: ["[1, 2].hasAny([2, 3])", "['a'].hasAny(['a'])"],
    false: ["[1].hasAny([2])", "[].hasAny([1])", "[1].hasAny([])"],
    error: ["[1].hasAny(1)", "[1].hasAny('1')", "[1].hasAny({'a': 1})"],
  },
  {
    source: "rules.List#hasOnly",
    says: "whether every item is in the other list; repetitions do not count, and not all have to occur",
    true: [
      "['a', 'b'].hasOnly(['a', 'b', 'c'])",
      "['a', 'b'].hasOnly(['b', 'a'])",
      "['a', 'a', 'b'].hasOnly(['a', 'b', 'b'])",
      "['a', 'a', 'b'].hasOnly(['a', 'b', 'b', 'c'])",
      "resource.data.twice.hasOnly(['a'])",
      "[].hasOnly(['a'])",
      "[].hasOnly([])",
    ],
    false: ["['a', 'b'].hasOnly(['a', 'c'])", "[1, 2].hasOnly([1])", "['a'].hasOnly([])"],
    error: ["['a'].hasOnly('a')", "['a'].hasOnly(resource.data.missing)"],
  },
  {
    source: "rules.List#join",
    says: "the items as one text with a separator between them",
    true: [
      "['a', 'b'].join('-') == 'a-b'",
      "['a'].join('-') == 'a'",
      "[].join('-') == ''",
      "['a', 'b'].join('') == 'ab'",
    ],
    error: ["['a'].join(1) == 'a'"],
  },
  {
    source: "undocumented",
    says: "how items that are no texts are joined",
    error: ["['a', 1].join('-') == 'a-1'", "[null].join('-') == 'null'"],
  },
  {
    source: "rules.List#removeAll",
    says: "the list without the items of the other one",
    true: [
      "[1, 2, 1].removeAll([1]) == [2]",
      "[1, 2].removeAll([]) == [1, 2]",
      "[1].removeAll([2]) == [1]",
      "[1, 1].removeAll([1]) == []",
    ],
    error: ["[1].removeAll(1) == []"],
  },
  {
    source: "rules.List#size",
    says: "the number of items",
    true: ["[1, 2].size() == 2", "[].size() == 0", "resource.data.tags.size() == 2"],
    false: ["[1, 1].size() == 1"],
  },
  {
    source: "rules.List#toSet",
    says: "a set of the list's different items",
    true: [
      "[1, 1, 2].toSet().size() == 2",
      "[].toSet().size() == 0",
      "['a', 'b'].toSet() == ['b', 'a', 'b'].toSet()",
    ],
  },
  {
    source: "undocumented",
    says: "what the methods of a list do with a set",
    error: [
      "[1].hasAny([1].toSet())",
      "[1].hasAll([1].toSet())",
      "[1].hasOnly([1].toSet())",
      "[1].concat([1].toSet()) == [1, 1]",
      "[1].removeAll([1].toSet()) == []",
    ],
  },
  {
    source: "rules.List",
    says: "a list has the methods of lists only",
    error: [
      "[1].keys() == [0]",
      "[1].union([2]).size() == 2",
      "[1].lower() == []",
      "[1].get(0, 1) == 1",
      "[1].first == 1",
    ],
  },
];

export const SET_CASES: readonly Statement[] = [
  {
    source: "rules.Set",
    says: "sets have no order and no repetitions; x == y compares them, v in x asks for a value",
    true: [
      "[1, 2].toSet() == [2, 1].toSet()",
      "'a' in ['a', 'b'].toSet()",
      "['a', 'b'].toSet().size() == 2",
      "[1].toSet() != [2].toSet()",
    ],
    false: ["'c' in ['a', 'b'].toSet()", "[1].toSet() == [1]", "[1, 2].toSet() == [1].toSet()"],
    error: ["[1].toSet()[0] == 1", "[1].toSet().toSet().size() == 1"],
  },
  {
    source: "rules.Set#difference",
    says: "the items of this set that are not in the other one",
    true: [
      "['a', 'b'].toSet().difference(['a', 'c'].toSet()) == ['b'].toSet()",
      "[1].toSet().difference([1].toSet()).size() == 0",
    ],
  },
  {
    source: "rules.Set#intersection",
    says: "the items that both sets have",
    true: [
      "['a', 'b'].toSet().intersection(['a', 'c'].toSet()) == ['a'].toSet()",
      "[1].toSet().intersection([2].toSet()).size() == 0",
    ],
  },
  {
    source: "rules.Set#union",
    says: "the items that either set has",
    true: [
      "['a', 'b'].toSet().union(['a', 'c'].toSet()) == ['a', 'b', 'c'].toSet()",
      "[1].toSet().union([1].toSet()).size() == 1",
    ],
  },
  {
    source: "rules.Set#difference, #intersection, #union",
    says: "the argument is a set",
    error: [
      "[1].toSet().difference([1]).size() == 0",
      "[1].toSet().intersection([1]).size() == 1",
      "[1].toSet().union([2]).size() == 2",
      "[1].toSet().union(2).size() == 2",
    ],
  },
  {
    source: "rules.Set#hasAll",
    says: "whether this set has every item of the other set or list",
    true: ["['d', 'e', 'f'].toSet().hasAll(['d', 'e'])", "[1].toSet().hasAll([].toSet())"],
    false: ["['a', 'b'].toSet().hasAll(['a', 'c'])"],
  },
  {
    source: "rules.Set#hasAny",
    says: "whether this set has an item of the other set or list",
    true: ["['a', 'b'].toSet().hasAny(['a', 'c'].toSet())", "['a'].toSet().hasAny(['a'])"],
    false: ["['a', 'b'].toSet().hasAny(['c', 'd'].toSet())", "[].toSet().hasAny(['a'])"],
    error: ["[1].toSet().hasAny(1)"],
  },
  {
    source: "rules.Set#hasOnly",
    says: "whether this set has nothing but items of the other set or list",
    true: ["['a', 'b'].toSet().hasOnly(['a', 'b'])", "['a'].toSet().hasOnly(['a', 'b'].toSet())"],
    false: ["['a', 'b'].toSet().hasOnly(['a', 'c'])"],
  },
];
