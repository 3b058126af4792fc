-- checkout.lua - wrk posts the checkout's form, each visitor once.
--
--	wrk .. -s checkout.lua URL -- FILE
--
-- FILE has a visitor a line: cookie, form's token, form's key, which begins with
-- 26 digits that are nobody else's; so is the address that it makes.  When all have
-- ordered, the run ends before its time.
local requests, at = {}, 0

function init(args)
	local origin = string.match(wrk.scheme .. "://" .. wrk.headers["Host"],
	    "^[^/]+//[^/]+")
	local form = "&action=order&phone=" ..
	    "&first_name=Ada&last_name=Lovelace" ..
	    "&address1=12+St+James+Square&address2=&city=London&region=" ..
	    "&zip=SW1Y+4JH&country=GB&billing_same=1&discount=" ..
	    "&shipping=standard&payment=approve"

	for line in io.lines(args[1]) do
		local cookie, token, key = string.match(line, "(%S+) (%S+) (%S+)")
		requests[#requests + 1] = wrk.format("POST", "/checkout", {
			["Cookie"] = "sid=" .. cookie, ["Origin"] = origin,
			["Sec-Fetch-Site"] = "same-origin", ["Content-Type"] =
			    "application/x-www-form-urlencoded",
		}, "token=" .. token .. "&key=" .. key .. "&email=ada" ..
		    string.sub(key, 15, 26) .. "%40klaviyo-demo.com" .. form)
	end
end

function request()
	at = at + 1
	if at > #requests then
		wrk.thread:stop()
		at = #requests
	end
	return requests[at]
end
