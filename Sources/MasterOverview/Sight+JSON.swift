//===----------------------------------------------------------------------===//
// Quartermaster: master's state for programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import StatusPage

/// What a document has in it.
package struct DocumentParts: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let services = DocumentParts(rawValue: 1)
    package static let processes = DocumentParts(rawValue: 2)
    package static let events = DocumentParts(rawValue: 4)
}

// As docs/status.schema.json describes it. Times of the day are RFC 3339 in UTC, lengths of time are seconds.
extension Sight {
    /// One object on one line.
    ///
    /// - Parameter services: which services are told of, with their processes and events; nil for all.
    package func json(
        _ parts: DocumentParts = [.services, .processes],
        only services: [ServiceOverview]? = nil
    ) -> String {
        var json = JSONText()
        let shown = services ?? overview.services
        json.object { json in
            json.member("schema", 1)
            json.member("master") { write(&$0) }
            if parts.contains(.services) {
                json.name("services")
                json.array(shown) { write($1, &$0) }
            }
            if parts.contains(.processes) {
                json.name("processes")
                json.array(overview.processes.filter { isAbout($0.service, services) }) { write($1, &$0) }
            }
            if parts.contains(.events) {
                json.name("events")
                json.array(overview.events.filter { isAbout($0.service, services) }) { $1.write(&$0) }
            }
            writeWork(&json)
            writeOwn(&json, only: services)
            if !overview.unreadable.isEmpty {
                json.name("unreadable")
                json.array(overview.unreadable) { $0.value($1) }
            }
        }
        return json.text
    }

    private func isAbout(_ row: UInt32?, _ services: [ServiceOverview]?) -> Bool {
        guard let services else { return true }
        return row.map { row in services.contains { $0.row == Int(row) } } ?? false
    }

    private func write(_ json: inout JSONText) {
        let master = overview.master
        json.member("state", stateName)
        json.member("isCurrent", isCurrent)
        json.member("pid", master.pid)
        json.member("version", master.version)
        json.member("mailVersion", master.mailVersion)
        json.member("processName", master.processName)
        json.member("configDirectory", master.configDirectory)
        json.member("queueDirectory", master.queueDirectory)
        json.member("started", timestamp(realTime(master.started)))
        json.member("heartbeat", timestamp(realTime(overview.heartbeat)))
        json.member("heartbeatAge", seconds: silence)
        json.name("lastReload")
        if master.lastReload.result == .none {
            json.null()
        } else {
            json.object { json in
                json.member("time", timestamp(realTime(master.lastReload.ended)))
                json.member("result", master.lastReload.result.name)
                json.member("cause", master.lastReload.cause.name)
                json.member("problems", master.lastReload.problems)
                json.member("warnings", master.lastReload.warnings)
                if master.lastReload.cause == .request {
                    json.member("uid", master.lastReload.user)
                    json.member("pid", master.lastReload.pid)
                }
                if master.lastReload.turnsLeft > 0 {
                    json.member("servicesLeft", master.lastReload.turnsLeft)
                    json.member("spreadEnds", timestamp(realTime(master.lastReload.lastTurn)))
                }
            }
        }
        json.member("counters") { json in
            for counter in MasterCounter.allCases { json.member("\(counter)", master[counter]) }
        }
    }

    private func write(_ service: ServiceOverview, _ json: inout JSONText) {
        let (load, counts, texts) = (service.load, service.counts, service.texts)
        let moment = shownMoment
        json.object { json in
            json.member("name", texts.name)
            json.member("type", texts.type)
            json.member("canonicalName", texts.canonicalName)
            json.member("program", texts.program)
            json.member("state", load.cover.name)
            json.member("isRefusing", counts.flags.contains(.isRefusing))
            json.member("processLimit", counts.processLimit)
            json.member("processes") { json in
                json.member("starting", load.starting)
                json.member("idle", load.idle)
                json.member("busy", load.busy)
                json.member("retired", load.retired)
                json.member("total", service.total)
                json.member("draining", processes(of: service, .draining).count)
            }
            json.name("waitingClients")
            service.waiting(at: moment).map { json.value($0) } ?? json.null()
            time("waitingSeen", load.waitingSeen, &json)
            json.member("queueRoom", counts.queueRoom)
            json.member("overflows", counts.overflows)
            time("lastOverflow", counts.overflowTime, &json)
            json.member("uses", load.uses)
            json.member("busySeconds", seconds: service.busyTime(at: moment))
            json.member("saturatedSeconds", seconds: service.saturatedTime(at: moment))
            json.member("crowdedSeconds", seconds: service.crowdedTime(at: moment))
            json.member("added", timestamp(realTime(counts.added)))
            json.member("starts", counts.starts)
            json.member("ends") { json in
                json.member("clean", counts.cleanEnds)
                json.member("failed", counts.failedEnds)
                json.member("killed", counts.killedEnds)
                json.member("neverReady", counts.neverReady)
            }
            json.member("readyTimes") { json in
                json.member("count", counts.readyTimes.count)
                json.member("sumSeconds", seconds: Int64(clamping: counts.readyTimes.sum))
                json.name("buckets")
                json.array(Array(counts.readyTimes.counts.enumerated())) { json, bucket in
                    json.object { json in
                        json.name("below")
                        ReadyTimes.upperBound(bucket.offset).map { json.seconds($0) } ?? json.null()
                        json.member("count", bucket.element)
                    }
                }
            }
            json.member("throttles", counts.throttles)
            time("throttledUntil", load.cover == .throttled ? counts.throttledUntil : 0, &json)
            json.member("stressOnsets", counts.stressOnsets)
            time("stressUntil", counts.stressUntil > moment ? counts.stressUntil : 0, &json)
            json.member("wakeups", counts.wakeups)
            time("nextWakeup", counts.nextWakeup, &json)
            json.name("lastTrouble")
            if counts.troubleTime == 0 {
                json.null()
            } else {
                json.object { json in
                    json.member("time", timestamp(realTime(counts.troubleTime)))
                    json.member("text", texts.trouble)
                }
            }
        }
    }

    /// A moment of CLOCK_MONOTONIC, of which 0 is none.
    private func time(_ name: String, _ moment: Int64, _ json: inout JSONText) {
        json.name(name)
        moment == 0 ? json.null() : json.value(timestamp(realTime(moment)))
    }

    private func write(_ process: ProcessOverview, _ json: inout JSONText) {
        json.object { json in
            json.member("pid", process.pid)
            json.member("service", name(ofRow: process.service) ?? "")
            json.member("state", process.state.name)
            if process.state == .draining, let open = open[process.pid] { json.member("clients", open) }
            json.member("since", timestamp(realTime(process.since)))
            json.member("started", timestamp(realTime(process.started)))
            json.member("uses", process.uses)
            json.member("generation", process.generation)
        }
    }

    private func name(ofRow row: UInt32) -> String? { overview.service(row: row).map { name(of: $0) } }
}

extension EventEntry {
    /// One object on one line.
    package var json: String {
        var json = JSONText()
        write(&json)
        return json.text
    }

    fileprivate func write(_ json: inout JSONText) {
        json.object { json in
            json.member("number", number)
            json.member("time", timestamp(time))
            json.member("kind", kind?.name ?? "unknown")
            if !serviceName.isEmpty { json.member("service", serviceName) }
            if pid != 0 { json.member("pid", pid) }
            json.member("value", value)
        }
    }
}
