-- The same policy as users of the gateway write it.
local choose = split { a = 90, b = 10 }

function on_request(req)
  local client = req:header("x-client") or req.ip
  if not limit(client, 1000000, 1000000) then
    return deny(429, "too many requests")
  end
  local variant = choose(client)
  req:use_target(variant)
  req:set_header("x-variant", variant)
  req:remove_header("x-internal")
  if config.on_responses then
    resp:set_header("x-variant", variant)
    resp:remove_header("server")
  end
end
