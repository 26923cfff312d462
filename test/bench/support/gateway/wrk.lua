-- 256 requests in turn, seven header lines each, of 200 clients.
local requests = {}
local turn = 0

function init()
  for i = 1, 256 do
    requests[i] = wrk.format("GET", "/api/v1/items?id=" .. i, {
      ["Host"] = "app1.example.test",
      ["X-Client"] = "client-" .. (i % 200),
      ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) bench",
      ["Accept"] = "*/*",
      ["Accept-Encoding"] = "gzip, br",
      ["X-Internal"] = "1",
      ["Cookie"] = "sid=abcdef0123456789; theme=dark",
    })
  end
end

function request()
  turn = turn % 256 + 1
  return requests[turn]
end
