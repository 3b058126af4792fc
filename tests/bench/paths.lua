-- paths.lua - wrk asks for one path after the other, of a file of them.
--
--	wrk .. -s paths.lua URL -- FILE
local requests, at = {}, 0

function init(args)
	for line in io.lines(args[1]) do
		requests[#requests + 1] = wrk.format("GET", line)
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end
