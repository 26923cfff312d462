local function kinds(...)
  local found = {}
  for i, ip in ipairs{ ... } do found[i] = request{ ip = ip }.kind end
  return table.concat(found, " ")
end

function test_only_listed_addresses_and_networks_pass()
  configure{ allow = { "192.0.2.7", "10.0.0.0/8", "2001:db8::/32" } }
  expect_equal(kinds("192.0.2.7", "10.255.0.1", "2001:db8:1::1"), "forward forward forward")
  expect_equal(kinds("192.0.2.8", "11.0.0.1", "2001:db9::1"), "deny deny deny")
end

function test_the_edges_of_a_block_that_ends_within_a_byte()
  configure{ allow = { "172.16.0.0/12", "2001:db8::/33" } }
  expect_equal(kinds("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"), "forward forward deny deny")
  expect_equal(kinds("2001:db8:7fff::1", "2001:db8:8000::1"), "forward deny")
end

function test_an_address_is_the_same_in_any_spelling()
  configure{ allow = { "2001:db8:0:0:0:0:0:1", "192.0.2.0/24" } }
  expect_equal(kinds("2001:DB8::1", "::ffff:192.0.2.9"), "forward forward")
  expect_equal(kinds("::ffff:c000:209", "0:0:0:0:0:FFFF:192.0.2.9"), "forward forward")
  expect_equal(kinds("::ffff:c000:309", "::ffff:192.0.3.9"), "deny deny")
end

function test_deny_wins_over_allow()
  configure{ allow = { "10.0.0.0/8" }, deny = { "10.6.6.0/24" } }
  expect_equal(kinds("10.6.5.1", "10.6.6.6"), "forward deny")
end

function test_with_deny_alone_everyone_else_passes()
  configure{ deny = { "192.0.2.0/24", "::/0" } }
  expect_equal(kinds("192.0.2.1", "198.51.100.1", "2001:db8::1"), "deny forward deny")
  expect_equal(kinds("::ffff:198.51.100.1", "::ffff:c000:201", "fe80::1%eth0"), "forward deny deny")
end

function test_all_of_ipv4_says_nothing_of_ipv6()
  configure{ allow = { "0.0.0.0/0" } }
  expect_equal(kinds("203.0.113.5", "2001:db8::1"), "forward deny")
end

function test_what_is_no_address_is_refused()
  configure{ allow = { "0.0.0.0/0", "::/0" } }
  expect_equal(kinds("", "unknown", "1.2.3"), "deny deny deny")
end

function test_the_answer_is_a_setting()
  configure{ allow = { "10.0.0.1" }, status = 404, message = "" }
  expect_equal(request{ ip = "10.0.0.2" }.status, 404)
end

function test_wrong_settings_are_refused_by_name()
  expect_error("setting allow is missing", configure, {})
  expect_error('"10.0.0.0/33" is neither an address nor a CIDR block', configure, { allow = { "10.0.0.0/33" } })
  expect_error('"::ffff:10.0.0.0/104" stands for IPv4 addresses', configure, { deny = { "::ffff:10.0.0.0/104" } })
  expect_error('"example.com" is neither', configure, { deny = { "example.com" } })
  expect_error("setting allow must be a list of strings", configure, { allow = "10.0.0.1" })
  expect_error("setting status must be at least 400, not 200", configure, { allow = { "::1" }, status = 200 })
end
