//===----------------------------------------------------------------------===//
// Quartermaster: what daemons on our skeletons have served, for programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import WorkerPage

// MARK: JSON

extension Sight {
    /// The members `work` and `uncountedProcesses`, where there is a page to tell of.
    func writeWork(_ json: inout JSONText) {
        guard let workers else { return }
        json.name("work")
        json.array(workers.services) { json, service in json.object { write(service, &$0) } }
        json.member("uncountedProcesses", workers.uncounted)
    }

    private func write(_ service: WorkerFigures, _ json: inout JSONText) {
        json.member("service", service.name)
        json.member("processes", service.processes)
        json.member("open", service.open)
        json.member("accepted", service[.accepted])
        json.member("closed", service[.closed])
        json.member("requests", service[.requests])
        json.member("receivedBytes", service[.received])
        json.member("sentBytes", service[.sent])
        json.name("handlingSeconds")
        json.literal(secondsText(nanoseconds: service[.handling]))
        json.name("times")
        json.array(Array(service.times.enumerated())) { json, bucket in
            json.object { json in
                json.name("below")
                if let bound = HandlerTimes.upperBound(bucket.offset) {
                    json.literal(secondsText(nanoseconds: UInt64(bound) * 1000))
                } else {
                    json.null()
                }
                json.member("count", bucket.element)
            }
        }
    }
}

// MARK: metrics

extension Sight {
    /// The families of what our own daemons count, where there is a page to tell of.
    func writeWork(_ text: inout MetricsText) {
        guard let workers else { return }
        let known = workers.services.compactMap { service in serviceLabels(service.name).map { (service, $0) } }
        let (services, labels) = (known.map(\.0), known.map(\.1))
        func each(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: (WorkerFigures) -> UInt64) {
            text.family(name, kind, help)
            for (service, labels) in zip(services, labels) { text.sample(labels, text: String(value(service))) }
        }
        each("quartermaster_work_processes", .gauge, "Processes that count what they serve.") { UInt64($0.processes) }
        each("quartermaster_work_open_connections", .gauge, "Connections that are open now.") { $0.open }
        each("quartermaster_work_connections", .counter, "Connections that were accepted.") { $0[.accepted] }
        each("quartermaster_work_requests", .counter, "Requests, or datagrams.") { $0[.requests] }
        each("quartermaster_work_received_bytes", .counter, "Bytes that came from clients.") { $0[.received] }
        each("quartermaster_work_sent_bytes", .counter, "Bytes that went to clients.") { $0[.sent] }
        text.family("quartermaster_work_request_seconds", .histogram, "Time that requests took, shared within a turn.")
        for (service, labels) in zip(services, labels) { write(service, labels, &text) }
        text.family("quartermaster_work_uncounted_processes", .counter, "Processes that found no row to count in.")
        text.sample([], text: String(workers.uncounted))
    }

    private func write(_ service: WorkerFigures, _ labels: [(String, String)], _ text: inout MetricsText) {
        var sum: UInt64 = 0
        for (bucket, count) in service.times.enumerated() {
            sum &+= count
            let bound = HandlerTimes.upperBound(bucket).map { secondsText(nanoseconds: UInt64($0) * 1000) } ?? "+Inf"
            text.sample(labels + [("le", bound)], text: String(sum), suffix: "_bucket")
        }
        text.sample(labels, text: secondsText(nanoseconds: service[.handling]), suffix: "_sum")
        text.sample(labels, text: String(sum), suffix: "_count")
    }

    /// `name/type`; a name may have slashes in it. nil for what no worker of ours writes: any process of mail_owner can
    /// write into the page, and with half a name two series would have the same labels.
    func serviceLabels(_ service: String) -> [(String, String)]? {
        guard let slash = service.lastIndex(of: "/"), slash != service.indices.last else { return nil }
        return [("service", String(service[..<slash])), ("type", String(service[slash...].dropFirst()))]
    }
}

/// Nanoseconds as seconds, exactly.
private func secondsText(nanoseconds: UInt64) -> String {
    let digits = String(nanoseconds % 1_000_000_000)
    var fraction = String(repeating: "0", count: 9 - digits.utf8.count) + digits
    while fraction.utf8.count > 1, fraction.last == "0" { fraction.removeLast() }
    return "\(nanoseconds / 1_000_000_000).\(fraction)"
}
