local secret = "let-me-in-1234567"

function test_everyone_is_answered_with_a_page()
  local decision = request{ method = "POST", path = "/anything" }
  expect_equal(decision.status, 503)
  expect_equal(decision.body, "Down for maintenance. Please try again later.\n")
  expect_equal(decision.response_headers, {
    ["content-type"] = "text/plain; charset=utf-8",
    ["retry-after"] = "300",
    ["cache-control"] = "no-store",
  })
end

function test_the_page_is_a_setting()
  configure{ message = "<h1>soon</h1>", content_type = "text/html", retry_after = 60 }
  local decision = request{}
  expect_equal(decision.body, "<h1>soon</h1>")
  expect_equal(decision.response_headers["content-type"], "text/html")
  expect_equal(decision.response_headers["retry-after"], "60")
end

function test_listed_addresses_pass()
  configure{ allow = { "10.0.0.0/8", "2001:db8::1" } }
  expect_equal(request{ ip = "10.1.2.3" }.kind, "forward")
  expect_equal(request{ ip = "2001:db8::1" }.kind, "forward")
  expect_equal(request{ ip = "192.0.2.1" }.kind, "deny")
end

function test_who_sends_the_secret_passes_and_the_app_does_not_see_it()
  configure{ bypass_header = "X-Preview", bypass_cookie = "preview", bypass_secret = secret }
  local decision = request{ headers = { ["x-preview"] = secret, accept = "*/*" } }
  expect_equal(decision.kind, "forward")
  expect_equal(decision.request_headers, { accept = "*/*" })
  expect_equal(request{ headers = { cookie = "a=b; preview=" .. secret } }.kind, "forward")
end

function test_a_wrong_secret_does_not_help()
  configure{ bypass_header = "x-preview", bypass_cookie = "preview", bypass_secret = secret }
  expect_equal(request{ headers = { ["x-preview"] = "let-me-in" } }.status, 503)
  expect_equal(request{ headers = { ["x-preview"] = "" } }.status, 503)
  expect_equal(request{ headers = { cookie = "preview=" .. secret .. "x" } }.status, 503)
  expect_equal(request{ headers = { ["x-other"] = secret } }.status, 503)
end

function test_wrong_settings_are_refused_by_name()
  expect_error("setting bypass_secret is missing", configure, { bypass_header = "x-preview" })
  expect_error("setting bypass_header is missing", configure, { bypass_secret = secret })
  expect_error(
    "setting bypass_secret must have at least 16 characters",
    configure, { bypass_cookie = "preview", bypass_secret = "short" }
  )
  expect_error("setting retry_after must be at least 1", configure, { retry_after = 0 })
  expect_error("neither an address nor a CIDR block", configure, { allow = { "nowhere" } })
  expect_error("unknown setting body", configure, { body = "x" })
end
