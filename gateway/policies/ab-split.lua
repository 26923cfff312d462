-- Shares of the traffic for the named targets of a route; a client stays with the target it got.
--
--   targets  list of "name=share", such as { "stable=90", "next=10" }; shares are relative       required
--   by       "cookie": the gateway gives each client a cookie with the name of its target        "cookie"
--            "header": by the value of a header, such as the id of a user
--            "address": by the client's address
--   name     of the cookie or header                                                             "bifrost_split"
--   max_age  seconds that the cookie lives                                                       2592000
--
-- Names are those of the route's targets, or ids of deployments; one that the route does not have is passed over. By cookie a
-- client may choose its target by writing the cookie itself. By header or address a change of shares moves as few as it can;
-- by cookie it moves nobody but new clients, except that a target with the share 0 loses all of its own.

local settings = settings{
  targets = { type = "list", required = true, check = function(target)
    return target:find("^[%w%-_.]+=%d+%.?%d*$") ~= nil or "must be name=share"
  end },
  by = { type = "string", default = "cookie", one_of = { "cookie", "header", "address" } },
  name = { type = "string", check = function(name)
    return name:find("^[%w_%-]+$") ~= nil or "must be made of letters, digits, - and _"
  end },
  max_age = { type = "number", default = 2592000, min = 0, max = 34560000 },
}
local by = settings.by
local name = settings.name or "bifrost_split"
if by == "header" and not settings.name then error("setting name is missing: it names the header to split by") end

local weights, total = {}, 0
for _, target in ipairs(settings.targets) do
  local target_name, share = target:match("^(.-)=(.+)$")
  if weights[target_name] then error("setting targets names " .. target_name .. " twice") end
  weights[target_name] = tonumber(share)
  total = total + weights[target_name]
end
if total == 0 then error("setting targets must have a share above 0") end

local choose = split(weights)
local cookie_rest = string.format("; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax", settings.max_age // 1)

local function by_cookie(req)
  local known = req:cookie(name)
  if known and (weights[known] or 0) > 0 then return known end
  -- The id is as good as chance.
  local target = choose(req.id)
  resp:add_header("set-cookie", name .. "=" .. target .. cookie_rest)
  return target
end

function on_request(req)
  if by == "cookie" then
    req:use_target(by_cookie(req))
  elseif by == "header" then
    req:use_target(choose(req:header(name) or req.ip))
  else
    req:use_target(choose(req.ip))
  end
end
