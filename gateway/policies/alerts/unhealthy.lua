-- In service on every gateway: says in the log when a replica stays unhealthy, and when an app is slow to answer its probes.

if not healthy and unhealthy_count >= 3 then
  alert("critical", "replica is unhealthy", "log")
end

if healthy and response_time_ms and response_time_ms > 2000 then
  alert("warning", "health checks take more than two seconds", "log")
end
