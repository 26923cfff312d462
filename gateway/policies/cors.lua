-- Says which pages of other origins may read responses (https://fetch.spec.whatwg.org/#http-cors-protocol); preflight requests
-- are answered here and do not reach the app.
--
--   origins      list of exact origins, such as "https://shop.example"; or { "*" }: any                       required
--   methods      list that may be used beside GET, HEAD and POST, which always may                            {}
--   headers      list of request fields that may be sent; { "*" }: any                                        {}
--   expose       list of response fields that pages may read                                                  {}
--   credentials  whether cookies and passwords are sent along; needs exact origins                            false
--   max_age      seconds that the answer to a preflight request is kept                                       600
--
-- What the app itself says of this is replaced.

local token = "^[%w!#$%%&'*+.^_`|~-]+$"
local function check_token(what)
  return function(name) return name:find(token) ~= nil or "must be the name of a " .. what end
end

local settings = settings{
  origins = { type = "list", required = true, check = function(origin)
    if origin == "*" or origin:find("^https?://[^/%s%u]+$") then return true end
    return "must be * or scheme and host, such as https://shop.example, in lower case and without a path"
  end },
  methods = { type = "list", default = {}, check = check_token("method") },
  headers = { type = "list", default = {}, check = check_token("header") },
  expose = { type = "list", default = {}, check = check_token("header") },
  credentials = { type = "boolean", default = false },
  max_age = { type = "number", default = 600, min = 0, max = 86400 },
}

local credentials = settings.credentials
local origins = {}
for _, origin in ipairs(settings.origins) do origins[origin] = true end
local any_origin = origins["*"] == true
if any_origin and #settings.origins > 1 then error("setting origins must be either * alone or exact origins") end
if any_origin and credentials then error("setting credentials needs exact origins: browsers refuse * with it") end

local any_header = false
for _, name in ipairs(settings.headers) do any_header = any_header or name == "*" end
if any_header and #settings.headers > 1 then error("setting headers must be either * alone or names") end

local methods = table.concat({ "GET", "HEAD", "POST", table.unpack(settings.methods) }, ", ")
local headers = table.concat(settings.headers, ", ")
local expose = table.concat(settings.expose, ", ")
local max_age = string.format("%d", settings.max_age // 1)

-- What a page asks to send is repeated to it, because * does not cover Authorization and means itself with credentials.
local function headers_for(req)
  if not any_header then return headers end
  local asked = req:header("access-control-request-headers") or ""
  return #asked <= 1024 and asked:find("^[%w%-_., ]*$") and asked or ""
end

local function allow_origin(origin)
  if not any_origin then resp:add_header("vary", "Origin") end
  if not origin or not (any_origin or origins[origin]) then
    resp:remove_header("access-control-allow-origin")
    resp:remove_header("access-control-allow-credentials")
    return false
  end
  resp:set_header("access-control-allow-origin", any_origin and "*" or origin)
  if credentials then
    resp:set_header("access-control-allow-credentials", "true")
  else
    resp:remove_header("access-control-allow-credentials")
  end
  return true
end

local function answer_preflight(req, is_allowed)
  if any_header then resp:add_header("vary", "Access-Control-Request-Headers") end
  if is_allowed then
    resp:set_header("access-control-allow-methods", methods)
    local allowed = headers_for(req)
    if allowed ~= "" then resp:set_header("access-control-allow-headers", allowed) end
    resp:set_header("access-control-max-age", max_age)
  end
  return deny(204, "")
end

function on_request(req)
  local origin = req:header("origin")
  local is_allowed = allow_origin(origin)
  if origin and req.method == "OPTIONS" and req:header("access-control-request-method") then
    return answer_preflight(req, is_allowed)
  end
  if is_allowed and expose ~= "" then resp:set_header("access-control-expose-headers", expose) end
end
