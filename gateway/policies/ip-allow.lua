-- Lets in only the addresses and networks on a list, or all but those on another; the rest is answered 403.
--
--   allow    list of addresses and CIDR blocks, IPv4 or IPv6; empty = everyone                {}
--   deny     the same for who is kept out even when `allow` has them                          {}
--   status   of the answer to the rest                                                        403
--   message  its text                                                                         "Access denied.\n"
--
-- The address is that of the client as the gateway knows it: behind other proxies see BIFROST_TRUSTED_PROXIES.

local settings = settings{
  allow = { type = "list", default = {} },
  deny = { type = "list", default = {} },
  status = { type = "number", default = 403, min = 400, max = 599 },
  message = { type = "string", default = "Access denied.\n" },
}
if #settings.allow == 0 and #settings.deny == 0 then
  error("setting allow is missing: one of allow and deny must list addresses")
end

local allows_everyone = #settings.allow == 0
local is_allowed, is_denied = networks(settings.allow), networks(settings.deny)
local status, message = math.floor(settings.status), settings.message

function on_request(req)
  local ip = req.ip
  if (allows_everyone or is_allowed(ip)) and not is_denied(ip) then return end
  return deny(status, message)
end
