//===----------------------------------------------------------------------===//
// Quartermaster: what the page for people does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension WebPage {
    /// Between the marks of a script. What comes from master is put in as text, never as HTML.
    static let script: StaticString = #"""
        "use strict";
        const period = 2000, kept = 60;
        const byID = (id) => document.getElementById(id);
        const past = new Map();
        let before = null, sort = { key: "use", up: false }, last = null, answered = 0;

        function make(tag, className, text) {
          const element = document.createElement(tag);
          if (className) element.className = className;
          if (text !== undefined) element.textContent = text;
          return element;
        }
        function count(number) {
          if (!isFinite(number)) return "–";
          for (const [size, sign] of [[1e9, " G"], [1e6, " M"], [1e4, " k"]])
            if (number >= size) return (number / (size === 1e4 ? 1e3 : size)).toFixed(1) + sign;
          return number < 10 && number % 1 ? number.toFixed(1) : String(Math.round(number));
        }
        function span(seconds) {
          const s = Math.max(0, Math.round(seconds));
          if (s < 60) return s + " s";
          if (s < 3600) return Math.floor(s / 60) + " min";
          if (s < 86400) return Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
          return Math.floor(s / 86400) + " d " + Math.floor(s % 86400 / 3600) + " h";
        }
        function micros(seconds) {
          if (!isFinite(seconds)) return "–";
          const us = seconds * 1e6;
          return us < 1000 ? us.toFixed(us < 10 ? 1 : 0) + " µs" : us < 1e6 ? (us / 1000).toFixed(1) + " ms"
            : (us / 1e6).toFixed(1) + " s";
        }
        const columns = [
          { key: "name", title: "Service", wide: true }, { key: "state", title: "State" },
          { key: "use", title: "Utilisation", wide: true }, { key: "waiting", title: "Waiting", n: true },
          { key: "rate", title: "Requests/s", n: true }, { key: "time", title: "Time", n: true },
          { key: "open", title: "Open", n: true }, { key: "starts", title: "Starts", n: true },
          { key: "failed", title: "Failed", n: true }, { key: "spark", title: "Last two minutes" } ];

        function row(service, status, earlier, seconds) {
          const name = service.name + "/" + service.type, total = service.processes.total;
          const work = (status.work || []).find((entry) => entry.service === name);
          const old = earlier && earlier.services.find((entry) => entry.name + "/" + entry.type === name);
          const oldWork = earlier && (earlier.work || []).find((entry) => entry.service === name);
          const limit = service.processLimit || total, busy = service.processes.busy;
          const result = { service, name, state: service.state, waiting: service.waitingClients ?? NaN,
            starts: service.starts, failed: service.ends.failed + service.ends.killed, open: work ? work.open : NaN,
            time: NaN, limit: service.processLimit, total, rate: NaN };
          // What was busy between two looks, and not only at one of them.
          const spent = old && seconds > 0 ? (service.busySeconds - old.busySeconds) / seconds : busy;
          result.use = limit ? Math.min(1, Math.max(spent, 0) / limit) : 0;
          if (old && seconds > 0) {
            const done = work && oldWork ? work.requests - oldWork.requests : service.uses - old.uses;
            result.rate = Math.max(0, done / seconds);
            if (work && oldWork && work.requests > oldWork.requests)
              result.time = (work.handlingSeconds - oldWork.handlingSeconds) / (work.requests - oldWork.requests);
          }
          const points = past.get(name) || [];
          points.push(result.use);
          if (points.length > kept) points.shift();
          past.set(name, points);
          result.points = points;
          return result;
        }
        function spark(points) {
          const space = "http://www.w3.org/2000/svg", picture = document.createElementNS(space, "svg");
          picture.setAttribute("width", "120");
          picture.setAttribute("height", "22");
          picture.setAttribute("role", "img");
          picture.setAttribute("aria-label", "utilisation of the last two minutes");
          const line = document.createElementNS(space, "polyline");
          line.setAttribute("points", points.map((value, index) =>
            ((index + kept - points.length) * 120 / (kept - 1)).toFixed(1) + "," + (20 - value * 18).toFixed(1))
            .join(" "));
          picture.append(line);
          return picture;
        }
        const troubled = { throttled: "bad", saturated: "bad", "no-channel": "bad", disabled: "warn", draining: "warn",
          leaving: "warn", unknown: "warn" };

        // Processes that are all busy at the moment of a look are none, unless they are it most of the time.
        function trouble(entry) {
          if (entry.state === "saturated" && !entry.waiting && entry.use < 0.9) return "";
          return troubled[entry.state] || "";
        }
        function line(entry) {
          const tr = make("tr"), cells = {};
          for (const column of columns) {
            const td = make("td", (column.n ? "n " : "") + (column.wide ? "wide" : ""));
            if (!column.wide && column.key !== "state") td.dataset.label = column.title;
            cells[column.key] = td;
            tr.append(td);
          }
          const [name, type] = [entry.service.name, entry.service.type];
          cells.name.classList.add("name");
          cells.name.append(name, make("span", "", "/" + type));
          const cause = entry.service.lastTrouble, isFresh = cause && Date.now() - Date.parse(cause.time) < 6e5;
          if (isFresh) cells.name.append(make("span", "trouble", cause.text));
          cells.state.append(make("span", "pill " + trouble(entry), entry.state));
          const bar = make("span", "bar" + (entry.use > 0.95 ? " full" : "")), inside = make("i");
          inside.style.width = (entry.use * 100).toFixed(0) + "%";
          bar.append(inside);
          cells.use.append(bar, (entry.use * 100).toFixed(0) + "\u00a0%\u00a0of\u00a0" + (entry.limit || entry.total),
            make("span", "soft parts", "  " + entry.service.processes.busy + " busy, " + entry.service.processes.idle
              + " idle"));
          cells.waiting.textContent = count(entry.waiting);
          if (entry.waiting > 0) cells.waiting.classList.add("warn");
          const overflow = entry.service.lastOverflow;
          if (overflow && Date.now() - Date.parse(overflow) < 6e4) {
            cells.waiting.classList.add("bad");
            cells.waiting.append(make("span", "soft parts", "  queue full"));
          }
          cells.rate.textContent = count(entry.rate);
          cells.time.textContent = micros(entry.time);
          cells.open.textContent = count(entry.open);
          cells.starts.textContent = count(entry.starts);
          cells.failed.textContent = count(entry.failed);
          if (entry.failed > 0) cells.failed.classList.add("warn");
          cells.spark.append(spark(entry.points));
          return tr;
        }
        function compare(a, b) {
          const [x, y] = [a[sort.key], b[sort.key]];
          const order = typeof x === "string" ? x.localeCompare(y) : (isFinite(x) ? x : -1) - (isFinite(y) ? y : -1);
          return (sort.up ? order : -order) || a.name.localeCompare(b.name);
        }
        function show() {
          if (!last) return;
          const word = byID("filter").value.toLowerCase();
          const shown = last.rows.filter((entry) => entry.name.toLowerCase().includes(word)).sort(compare);
          byID("services").replaceChildren(...shown.map(line));
          for (const head of byID("heads").children) {
            if (head.dataset.key === sort.key) head.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
            else head.removeAttribute("aria-sort");
          }
        }
        function sums(status, rows) {
          const add = (get) => status.services.reduce((sum, service) => sum + get(service), 0);
          const rate = rows.reduce((sum, entry) => sum + (isFinite(entry.rate) ? entry.rate : 0), 0);
          const wrong = rows.filter((entry) => trouble(entry) === "bad").length;
          const waiting = add((s) => s.waitingClients);
          const tiles = [[count(status.services.length), "services"],
            [count(add((s) => s.processes.total)), "processes"],
            [count(add((s) => s.processes.busy)), "busy"], [count(rate), "requests/s"],
            [count(waiting), "clients waiting", waiting ? "warn" : ""],
            [count(wrong), "in trouble", wrong ? "bad" : "good"]];
          byID("tiles").replaceChildren(...tiles.map(([number, title, kind]) => {
            const tile = make("div", "tile");
            tile.append(make("b", kind || "", number), make("span", "", title));
            return tile;
          }));
        }
        function what(event) {
          const process = event.pid ? " " + event.pid : "", v = event.value;
          switch (event.kind) {
            case "start": return "process" + process + " started";
            case "ready": return "process" + process + " took its first client after " + v + " ms";
            case "end": return "process" + process + " ended after " + v + (v === 1 ? " use" : " uses");
            case "fail":
              return "process" + process + (v < 0 ? " was killed by signal " + -v : " failed with status " + v);
            case "throttle": return "throttled for " + v + " s";
            case "release": return "throttle ended";
            case "limit": return "limit reached: " + v + " processes, all busy";
            case "overflow": return "queue overflowed " + (v === 1 ? "once" : v + " times");
            case "nudge": return v + " idle processes told to look at the queue";
            case "reload": return v ? "reload accepted, warnings: " + v : "reload accepted";
            case "reload-refused": return "reload refused, problems: " + v;
            default: return event.kind;
          }
        }
        const loud = { fail: "bad", throttle: "bad", "reload-refused": "bad", limit: "warn", stress: "warn",
          shortage: "warn", overflow: "bad" };
        function events(list) {
          byID("events").replaceChildren(...list.slice(-60).reverse().map((event) => {
            const item = make("li"), time = make("time", "", new Date(event.time).toLocaleTimeString());
            time.dateTime = event.time;
            const text = make("span", "what " + (loud[event.kind] || ""));
            if (event.service) text.append(make("b", "", event.service), ": ");
            text.append(what(event));
            item.append(time, text);
            return item;
          }));
        }
        function head(master) {
          const state = byID("state");
          state.textContent = master.state;
          const isFine = master.isCurrent && ["running", "upgrading"].includes(master.state);
          state.className = "pill " + (isFine ? "" : "bad");
          const up = (Date.now() - Date.parse(master.started)) / 1000, reload = master.lastReload;
          byID("about").textContent = master.version + ", process " + master.pid + ", up for " + span(up)
            + (reload ? ", reload " + reload.result + " " + span((Date.now() - Date.parse(reload.time)) / 1000)
              + " ago" : "")
            + ", " + master.configDirectory;
        }
        function alarm(text) {
          byID("alarm").hidden = !text;
          byID("alarm").textContent = text || "";
          if (text) { byID("state").textContent = "unknown"; byID("state").className = "pill bad"; }
        }
        async function look() {
          try {
            const response = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(8000) });
            const status = await response.json();
            if (!response.ok) throw new Error(status.error || "HTTP status " + response.status);
            const now = performance.now(), seconds = before ? (now - before.at) / 1000 : 0;
            const rows = status.services.map((service) => row(service, status, before && before.status, seconds));
            before = { at: now, status };
            last = { rows };
            answered = Date.now();
            alarm("");
            head(status.master);
            sums(status, rows);
            show();
            events(status.events || []);
          } catch (problem) {
            const silence = answered ? " for " + span((Date.now() - answered) / 1000) : "";
            alarm("No answer" + silence + ": " + problem.message);
          }
          setTimeout(look, period);
        }
        for (const column of columns) {
          const th = make("th", column.n ? "n" : ""), button = make("button", "", column.title);
          th.dataset.key = column.key;
          if (column.key === "spark") th.textContent = column.title;
          else {
            button.type = "button";
            button.onclick = () => {
              sort = { key: column.key, up: sort.key === column.key ? !sort.up : column.key === "name" };
              show();
            };
            th.append(button);
          }
          byID("heads").append(th);
        }
        byID("filter").oninput = show;
        look();

        """#
}
