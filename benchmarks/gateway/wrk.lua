-- For wrk. Sends each credential of a file in turn, if arguments name one: the file, whose lines have one length, and
-- the line to begin with. Writes what was measured in one line, which wrk.py reads.

function init(arguments)
   if not arguments[1] then
      return
   end
   local file = assert(io.open(arguments[1], "r"))
   local text = file:read("*a")
   file:close()
   local width = text:find("\n")
   local lines = #text / width
   local at = tonumber(arguments[2]) % lines
   local head = "GET " .. wrk.path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: "

   function request()
      local begin = at * width
      at = (at + 1) % lines
      return head .. text:sub(begin + 1, begin + width - 1) .. "\r\n\r\n"
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format("measured %d %d %d %d %d %d %d\n",
      summary.requests, summary.duration, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
