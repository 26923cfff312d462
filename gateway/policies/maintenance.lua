-- Answers every request with 503 and a page, except to those who may look behind it.
--
--   message        text of the answer                                        "Down for maintenance. Please try again later.\n"
--   content_type   of the message                                            "text/plain; charset=utf-8"
--   retry_after    seconds until it is worth to come back                    300
--   allow          list of addresses and CIDR blocks that pass               {}
--   bypass_header  name of a header that carries the secret                  -
--   bypass_cookie  name of a cookie that carries the secret                  -
--   bypass_secret  who sends it passes; at least 16 characters               -
--
-- The app does not see the bypass header.

local function check_name(name)
  return name:find("^[%w_%-]+$") ~= nil or "must be made of letters, digits, - and _"
end

local settings = settings{
  message = { type = "string", default = "Down for maintenance. Please try again later.\n" },
  content_type = { type = "string", default = "text/plain; charset=utf-8", check = function(value)
    return not value:find("%c") or "must not have control characters"
  end },
  retry_after = { type = "number", default = 300, min = 1, max = 604800 },
  allow = { type = "list", default = {} },
  bypass_header = { type = "string", check = check_name },
  bypass_cookie = { type = "string", check = check_name },
  bypass_secret = { type = "string", check = function(secret)
    return #secret >= 16 or "must have at least 16 characters"
  end },
}
local header, cookie, secret = settings.bypass_header, settings.bypass_cookie, settings.bypass_secret
if (header or cookie) and not secret then error("setting bypass_secret is missing: it goes with bypass_header and bypass_cookie") end
if secret and not (header or cookie) then error("setting bypass_header is missing: bypass_secret needs it, or bypass_cookie") end

local is_allowed = networks(settings.allow)
local message, content_type = settings.message, settings.content_type
local retry_after = math.ceil(settings.retry_after)

local function is_secret(value)
  return value ~= nil and equal(value, secret)
end

local function may_pass(req)
  return is_allowed(req.ip)
    or header and is_secret(req:header(header))
    or cookie and is_secret(req:cookie(cookie))
end

function on_request(req)
  if may_pass(req) then
    if header then req:remove_header(header) end
    return
  end
  resp:set_header("retry-after", retry_after)
  resp:set_header("cache-control", "no-store")
  return deny(503, message, content_type)
end
