function test_fields_of_requests_are_replaced_and_removed()
  configure{ request_set = { "X-Team: blue", "x-empty:" }, request_remove = { "X-Debug" } }
  local decision = request{ headers = { ["x-team"] = "red", ["x-debug"] = "1", accept = "*/*" } }
  expect_equal(decision.request_headers, { ["x-team"] = "blue", ["x-empty"] = "", accept = "*/*" })
end

function test_fields_of_responses_are_replaced_and_removed()
  configure{ response_set = { "strict-transport-security: max-age=63072000" }, response_remove = { "Server" } }
  request{}
  local response = respond{ status = 200, headers = { server = "x", ["content-type"] = "text/html" } }
  expect_equal(response.headers, {
    ["content-type"] = "text/html",
    ["strict-transport-security"] = "max-age=63072000",
  })
end

function test_a_field_may_be_removed_and_set_anew()
  configure{ request_remove = { "x-user" }, request_set = { "x-user: nobody" } }
  expect_equal(request{ headers = { ["x-user"] = "root" } }.request_headers["x-user"], "nobody")
end

function test_a_value_may_have_colons()
  configure{ request_set = { "x-origin: https://a.example:8443/x" } }
  expect_equal(request{}.request_headers["x-origin"], "https://a.example:8443/x")
end

function test_without_settings_nothing_changes()
  local decision = request{ headers = { a = "1" } }
  expect_equal(decision.request_headers, { a = "1" })
  expect_equal(decision.response_headers, {})
end

function test_the_gateways_own_fields_are_refused_when_it_loads()
  for name in ([[Connection content-length Expect forwarded Host keep-alive proxy-connection TE trailer
    transfer-encoding upgrade X-Forwarded-For x-bifrost-anything]]):gmatch("%S+") do
    expect_error("must not be a header of the gateway's own", configure, { request_remove = { name } })
    expect_error("must not be a header of the gateway's own", configure, { response_set = { name .. ": x" } })
  end
end

function test_wrong_settings_are_refused_by_name()
  expect_error('setting request_set must be "name: value", not "x"', configure, { request_set = { "x" } })
  expect_error("must be the name of a header", configure, { request_set = { "a b: c" } })
  expect_error("must be the name of a header", configure, { response_remove = { "" } })
  expect_error("must not have control characters", configure, { response_set = { "a: b\r\nset-cookie: c" } })
  expect_error("setting request_set must be a list of strings", configure, { request_set = "a: b" })
  expect_error("unknown setting set", configure, { set = { "a: b" } })
end
