local shop = "https://shop.example"

local function preflight(origin, headers)
  return request{ method = "OPTIONS", headers = {
    origin = origin,
    ["access-control-request-method"] = "PUT",
    ["access-control-request-headers"] = headers,
  } }
end

function test_a_preflight_request_is_answered_here()
  configure{ origins = { shop }, methods = { "PUT" }, headers = { "content-type", "x-token" }, max_age = 60 }
  local decision = preflight(shop, "x-token")
  expect_equal(decision.kind, "deny")
  expect_equal(decision.status, 204)
  expect_equal(decision.body, "")
  expect_equal(decision.response_headers, {
    vary = "Origin",
    ["access-control-allow-origin"] = shop,
    ["access-control-allow-methods"] = "GET, HEAD, POST, PUT",
    ["access-control-allow-headers"] = "content-type, x-token",
    ["access-control-max-age"] = "60",
  })
end

function test_a_preflight_request_of_another_origin_is_told_nothing()
  configure{ origins = { shop } }
  local decision = preflight("https://evil.example")
  expect_equal(decision.status, 204)
  expect_equal(decision.response_headers, { vary = "Origin" })
end

function test_options_without_a_question_is_the_apps()
  configure{ origins = { shop } }
  expect_equal(request{ method = "OPTIONS", headers = { origin = shop } }.kind, "forward")
  local without_origin = { ["access-control-request-method"] = "PUT" }
  expect_equal(request{ method = "OPTIONS", headers = without_origin }.kind, "forward")
end

function test_a_listed_origin_may_read()
  configure{ origins = { "https://other.example", shop }, expose = { "x-total" } }
  request{ headers = { origin = shop } }
  local response = respond{ headers = { ["access-control-allow-origin"] = "*" } }
  expect_equal(response.headers, {
    vary = "Origin",
    ["access-control-allow-origin"] = shop,
    ["access-control-expose-headers"] = "x-total",
  })
end

function test_no_other_origin_may_read_whatever_the_app_says()
  configure{ origins = { shop } }
  for _, origin in ipairs{ "https://shop.example.evil", "http://shop.example", "https://SHOP.example", "null", "*" } do
    request{ headers = { origin = origin } }
    local response = respond{ headers = { ["access-control-allow-origin"] = "*" } }
    expect_equal(response.headers, { vary = "Origin" }, origin)
  end
end

function test_caches_are_told_that_the_origin_matters_even_when_none_was_sent()
  configure{ origins = { shop } }
  request{}
  expect_equal(respond{ headers = { vary = "Accept" } }.headers.vary, "Accept, Origin")
end

function test_any_origin_is_the_same_for_all()
  configure{ origins = { "*" } }
  local decision = request{ headers = { origin = "https://any.example" } }
  expect_equal(decision.response_headers, { ["access-control-allow-origin"] = "*" })
end

function test_credentials_are_allowed_to_exact_origins_only()
  configure{ origins = { shop }, credentials = true }
  local headers = request{ headers = { origin = shop } }.response_headers
  expect_equal(headers["access-control-allow-origin"], shop)
  expect_equal(headers["access-control-allow-credentials"], "true")
  expect_equal(request{ headers = { origin = "https://evil.example" } }.response_headers, { vary = "Origin" })
  expect_error("setting credentials needs exact origins", configure, { origins = { "*" }, credentials = true })
end

function test_any_header_repeats_what_is_asked_for()
  configure{ origins = { shop }, headers = { "*" }, credentials = true }
  local headers = preflight(shop, "authorization, x-a").response_headers
  expect_equal(headers["access-control-allow-headers"], "authorization, x-a")
  expect_equal(headers.vary, "Origin, Access-Control-Request-Headers")
  expect_equal(preflight(shop, "a\"b").response_headers["access-control-allow-headers"], nil)
  expect_equal(preflight(shop, ("a"):rep(2000)).response_headers["access-control-allow-headers"], nil)
end

function test_wrong_settings_are_refused_by_name()
  expect_error("setting origins is missing", configure, {})
  for _, origin in ipairs{ "shop.example", "https://shop.example/", "https://Shop.example", "null", "" } do
    expect_error("setting origins must be * or scheme and host", configure, { origins = { origin } })
  end
  expect_error("either * alone or exact origins", configure, { origins = { "*", shop } })
  expect_error("either * alone or names", configure, { origins = { shop }, headers = { "*", "a" } })
  expect_error("must be the name of a method", configure, { origins = { shop }, methods = { "P UT" } })
  expect_error("setting max_age must be at most 86400", configure, { origins = { shop }, max_age = 1e6 })
  expect_error("unknown setting origin:", configure, { origin = shop })
end
