-- The password of ann is "secret", that of bob "öäü:x" with the salt "s4lt".
local ann = "ann:" .. sha256("secret")
local bob = "bob:s4lt:" .. sha256("s4ltöäü:x"):upper()

local function with(authorization)
  return request{ headers = { authorization = authorization } }
end

function test_who_sends_nothing_is_asked()
  configure{ users = { ann }, realm = "the lab" }
  local decision = request{}
  expect_equal(decision.status, 401)
  expect_equal(decision.response_headers["www-authenticate"], 'Basic realm="the lab", charset="UTF-8"')
  expect_equal(decision.response_headers["cache-control"], "no-store")
end

function test_the_right_password_passes_and_the_app_does_not_see_it()
  configure{ users = { ann, bob } }
  local decision = with("Basic YW5uOnNlY3JldA==")
  expect_equal(decision.kind, "forward")
  expect_equal(decision.request_headers.authorization, nil)
end

function test_the_scheme_is_matched_in_any_case_and_padding_may_be_missing()
  configure{ users = { ann } }
  expect_equal(with("BASIC  YW5uOnNlY3JldA").kind, "forward")
end

function test_a_salted_password_may_have_colons_and_any_letters()
  configure{ users = { ann, bob } }
  expect_equal(with("Basic Ym9iOsO2w6TDvDp4").kind, "forward")
end

function test_keep_header_leaves_the_header_to_the_app()
  configure{ users = { ann }, keep_header = true }
  expect_equal(with("Basic YW5uOnNlY3JldA==").request_headers.authorization, "Basic YW5uOnNlY3JldA==")
end

function test_everything_else_is_refused()
  configure{ users = { ann, bob } }
  for _, authorization in ipairs{
    "", "Basic", "Basic ", "Basic !!!!", "Basic YW5u", "Bearer YW5uOnNlY3JldA==",
    "Basic YW5uOndyb25n", -- ann:wrong
    "Basic YW5uOg==", -- ann:
    "Basic OnNlY3JldA==", -- :secret
    "Basic Ym9iOnNlY3JldA==", -- bob:secret
    "Basic Y2FybDpzZWNyZXQ=", -- carl:secret
    "Basic QW5uOnNlY3JldA==", -- Ann:secret
  } do
    expect_equal(with(authorization).status, 401, authorization)
  end
end

function test_wrong_settings_are_refused_by_name()
  expect_error("setting users is missing", configure, {})
  expect_error("setting users must be name:sha256", configure, { users = { "ann:secret" } })
  expect_error("setting users must be name:sha256", configure, { users = { ":" .. sha256("x") } })
  expect_error("setting users names ann twice", configure, { users = { ann, ann } })
  expect_error("setting realm must not have quotes", configure, { users = { ann }, realm = 'a"b' })
  expect_error("setting keep_header must be a boolean", configure, { users = { ann }, keep_header = "yes" })
end
