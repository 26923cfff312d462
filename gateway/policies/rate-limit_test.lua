function test_the_burst_passes_and_the_next_request_is_told_when_to_come_back()
  configure{ rate = 0.5, burst = 2 }
  expect_equal(request{}.kind, "forward")
  expect_equal(request{}.kind, "forward")
  local refused = request{}
  expect_equal(refused.status, 429)
  expect_equal(refused.body, "Too many requests.\n")
  expect_equal(refused.response_headers["retry-after"], "2")
  advance(2)
  expect_equal(request{}.kind, "forward")
  expect_equal(request{}.kind, "deny")
end

function test_each_address_has_a_bucket_of_its_own()
  configure{ rate = 1, burst = 1 }
  expect_equal(request{ ip = "192.0.2.1" }.kind, "forward")
  expect_equal(request{ ip = "192.0.2.1" }.kind, "deny")
  expect_equal(request{ ip = "192.0.2.2" }.kind, "forward")
end

function test_by_header_clients_share_nothing_but_their_address_when_they_send_none()
  configure{ rate = 1, burst = 1, by = "header", name = "X-Api-Key" }
  expect_equal(request{ headers = { ["x-api-key"] = "a" } }.kind, "forward")
  expect_equal(request{ headers = { ["x-api-key"] = "a" } }.kind, "deny")
  expect_equal(request{ headers = { ["x-api-key"] = "b" } }.kind, "forward")
  expect_equal(request{}.kind, "forward")
  expect_equal(request{}.kind, "deny")
end

function test_a_header_that_spells_an_address_does_not_spend_what_that_address_has()
  configure{ rate = 1, burst = 1, by = "header", name = "x-api-key" }
  expect_equal(request{ ip = "192.0.2.9", headers = { ["x-api-key"] = "192.0.2.1" } }.kind, "forward")
  expect_equal(request{ ip = "192.0.2.1" }.kind, "forward")
end

function test_by_cookie()
  configure{ rate = 1, burst = 1, by = "cookie", name = "session" }
  expect_equal(request{ headers = { cookie = "a=1; session=x" } }.kind, "forward")
  expect_equal(request{ headers = { cookie = "session=x" } }.kind, "deny")
end

function test_status_and_message_are_settings()
  configure{ rate = 1, burst = 1, status = 503, message = "later" }
  request{}
  local refused = request{}
  expect_equal(refused.status, 503)
  expect_equal(refused.body, "later")
end

function test_without_settings_ten_a_second_pass()
  for _ = 1, 10 do expect_equal(request{}.kind, "forward") end
  expect_equal(request{}.kind, "deny")
end

function test_wrong_settings_are_refused_by_name()
  expect_error("unknown setting rte: there are burst, by, message, mode, name, rate, status", configure, { rte = 1 })
  expect_error('setting rate must be a number, not "10"', configure, { rate = "10" })
  expect_error("setting rate must be at least 0.001, not 0", configure, { rate = 0 })
  expect_error('setting by must be address or header or cookie, not "ip"', configure, { by = "ip" })
  expect_error("setting name is missing", configure, { by = "header" })
  expect_error("setting name has no use", configure, { name = "x" })
end

function test_every_mode_limits()
  for _, mode in ipairs{ "balanced", "strict", "split" } do
    configure{ rate = 1, burst = 1, mode = mode }
    expect_equal(request{}.kind, "forward")
    expect_equal(request{}.status, 429)
  end
end
