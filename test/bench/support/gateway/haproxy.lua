local policy = require("policy")

core.register_action("policy", { "http-req" }, function(txn)
  local client = txn.f:req_fhdr("x-client") or txn.f:src()
  local now = core.now()
  local isAllowed, variant = policy.decide(client, now.sec + now.usec / 1000000)
  if not isAllowed then
    local reply = txn:reply()
    reply:set_status(429)
    txn:done(reply)
  end
  txn:set_var("txn.variant", variant)
  txn.http:req_set_header("x-variant", variant)
  txn.http:req_del_header("x-internal")
end)
