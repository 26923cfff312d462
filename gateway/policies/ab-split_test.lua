local function share_of(wanted, count, make)
  local found = 0
  for i = 1, count do
    if request(make(i)).target == wanted then found = found + 1 end
  end
  return found / count
end

function test_shares_are_kept_by_address()
  configure{ targets = { "stable=90", "next=10" }, by = "address" }
  local share = share_of("next", 2000, function(i) return { ip = "10.0." .. i // 250 .. "." .. i % 250 } end)
  expect(share > 0.07 and share < 0.13, "found a share of " .. share)
end

function test_the_same_address_gets_the_same_target()
  configure{ targets = { "a=1", "b=1" }, by = "address" }
  local first = request{ ip = "192.0.2.7" }.target
  for _ = 1, 20 do expect_equal(request{ ip = "192.0.2.7" }.target, first) end
end

function test_by_header_the_value_decides_wherever_the_client_is()
  configure{ targets = { "a=1", "b=1" }, by = "header", name = "X-User" }
  local first = request{ headers = { ["x-user"] = "ann" }, ip = "192.0.2.1" }.target
  expect_equal(request{ headers = { ["x-user"] = "ann" }, ip = "192.0.2.2" }.target, first)
end

function test_a_new_client_gets_a_cookie_and_stays_with_its_target()
  configure{ targets = { "a=1", "b=1" } }
  local first = request{ id = "request-17" }
  expect_equal(
    first.response_headers["set-cookie"],
    "bifrost_split=" .. first.target .. "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
  )
  for i = 1, 20 do
    local again = request{ id = "request-" .. i, headers = { cookie = "bifrost_split=" .. first.target } }
    expect_equal(again.target, first.target)
    expect_equal(again.response_headers["set-cookie"], nil)
  end
end

function test_new_clients_are_spread_by_their_shares()
  configure{ targets = { "a=75", "b=25" } }
  local share = share_of("b", 2000, function(i) return { id = "request-" .. i } end)
  expect(share > 0.21 and share < 0.29, "found a share of " .. share)
end

function test_a_cookie_with_a_target_that_is_unknown_or_has_no_share_is_replaced()
  configure{ targets = { "a=1", "gone=0" }, name = "variant", max_age = 60 }
  for _, value in ipairs{ "gone", "other", "" } do
    local decision = request{ headers = { cookie = "variant=" .. value } }
    expect_equal(decision.target, "a")
    expect_equal(decision.response_headers["set-cookie"], "variant=a; Path=/; Max-Age=60; HttpOnly; SameSite=Lax")
  end
end

function test_wrong_settings_are_refused_by_name()
  expect_error("setting targets is missing", configure, {})
  expect_error("setting targets must not be empty", configure, { targets = {} })
  expect_error('setting targets must be name=share, not "a"', configure, { targets = { "a" } })
  expect_error("setting targets names a twice", configure, { targets = { "a=1", "a=2" } })
  expect_error("setting targets must have a share above 0", configure, { targets = { "a=0" } })
  expect_error("setting name is missing", configure, { targets = { "a=1" }, by = "header" })
  expect_error("unknown setting weights", configure, { weights = { "a=1" } })
end
