-- So many requests a second for each client; more are answered 429 with Retry-After.
--
--   rate     requests a second in the long run                              10
--   burst    requests at once after a pause                                 rate, but at least 1
--   by       what tells clients apart: "address", "header" or "cookie"      "address"
--   name     of the header or cookie; a client without it is told           -
--            apart by its address
--   mode     "balanced": nodes of the gateway count together; "strict":     "balanced"
--            never more than the rate over all of them, for a short wait
--            now and then; "split": each has its share and asks nobody
--   status   of the answer to what is too much                              429
--   message  its text                                                       "Too many requests.\n"
--
-- Clients choose their headers and cookies themselves: limit by one only where something before this policy checks it.

local settings = settings{
  rate = { type = "number", default = 10, min = 0.001, max = 1000000 },
  burst = { type = "number", min = 1, max = 1000000 },
  by = { type = "string", default = "address", one_of = { "address", "header", "cookie" } },
  name = { type = "string", check = function(name) return name ~= "" or "must not be empty" end },
  mode = { type = "string", default = "balanced", one_of = { "balanced", "strict", "split" } },
  status = { type = "number", default = 429, min = 400, max = 599 },
  message = { type = "string", default = "Too many requests.\n" },
}
local rate = settings.rate
local burst = settings.burst or math.max(rate, 1)
local by, name, mode = settings.by, settings.name, settings.mode
local status, message = math.floor(settings.status), settings.message

if by ~= "address" and not name then error("setting name is missing: it names the " .. by .. " to limit by") end
if by == "address" and name then error("setting name has no use when limiting by address: set by to header or cookie") end

-- The first letter keeps what clients write apart from addresses.
local function key_of(req)
  if by == "address" then return req.ip end
  local value
  if by == "header" then value = req:header(name) else value = req:cookie(name) end
  return value and "=" .. value or req.ip
end

function on_request(req)
  local allowed, wait = limit(key_of(req), rate, burst, mode)
  if allowed then return end
  resp:set_header("retry-after", math.ceil(wait))
  return deny(status, message)
end
