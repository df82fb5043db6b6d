//===----------------------------------------------------------------------===//
// Quartermaster: master's state for Prometheus and its kin
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage

/// The two texts that scrapers understand.
package enum MetricsFormat: Sendable {
    /// `application/openmetrics-text; version=1.0.0`
    case openMetrics
    /// `text/plain; version=0.0.4`
    case prometheus
}

extension Sight {
    /// Every figure of the page. When there is no master to tell of, `quartermaster_up` is 0, and the rest is as it
    /// was.
    package func metrics(_ format: MetricsFormat = .openMetrics) -> String {
        var text = MetricsText(format)
        writeMaster(&text)
        writeServices(&text)
        writeWork(&text)
        writeOwn(&text)
        return text.finish()
    }

    private func writeMaster(_ text: inout MetricsText) {
        let master = overview.master
        text.family("quartermaster_up", .gauge, "Whether master is running and answers for what is told here.")
        text.sample([], isCurrent ? 1 : 0)
        text.family("quartermaster_build", .info, "The program that runs.")
        text.sample([("version", master.version), ("mail_version", master.mailVersion)], 1)
        text.family("quartermaster_start_time_seconds", .gauge, "When master was started.")
        text.sample([], seconds: realTime(master.started))
        text.family(
            "quartermaster_heartbeat_timestamp_seconds",
            .gauge,
            "When master was awake last; every 10 s at least."
        )
        text.sample([], seconds: realTime(overview.heartbeat))
        text.family("quartermaster_state", .gauge, "What master is doing: 1 for one of the states.")
        for state in MasterState.allCases where state != .unknown {
            text.sample([("state", state.name)], state == master.state ? 1 : 0)
        }
        if master.lastReload.result != .none {
            text.family("quartermaster_last_reload_successful", .gauge, "Whether the last reload was accepted.")
            text.sample([], master.lastReload.result == .accepted ? 1 : 0)
            text.family("quartermaster_last_reload_timestamp_seconds", .gauge, "When the last reload ended.")
            text.sample([], seconds: realTime(master.lastReload.ended))
            text.family("quartermaster_last_reload_problems", .gauge, "Problems that the last reload found.")
            text.sample([], Int64(clamping: master.lastReload.problems))
            text.family("quartermaster_last_reload_warnings", .gauge, "Warnings of the last reload.")
            text.sample([], Int64(clamping: master.lastReload.warnings))
        }
        text.family("quartermaster_decisions", .counter, "How often each decision was made, of all services.")
        for counter in MasterCounter.allCases {
            text.sample([("decision", snakeCased("\(counter)"))], Int64(clamping: master[counter]))
        }
    }

    private func writeServices(_ text: inout MetricsText) {
        // A series is there once.
        let (services, moment) = (overview.services.filter { !isPredecessor($0) }, shownMoment)
        let labels = services.map { [("service", label(of: $0)), ("type", $0.texts.type)] }
        func each(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: (ServiceOverview) -> Int64) {
            text.family(name, kind, help)
            for (service, labels) in zip(services, labels) { text.sample(labels, value(service)) }
        }
        func eachTime(_ name: String, _ kind: MetricsText.Kind, _ help: String, _ value: (ServiceOverview) -> Int64) {
            text.family(name, kind, help)
            for (service, labels) in zip(services, labels) { text.sample(labels, seconds: value(service)) }
        }
        func count(_ name: String, _ help: String, _ value: (ServiceOverview) -> UInt64) {
            each(name, .counter, help) { Int64(clamping: value($0)) }
        }

        text.family("quartermaster_service", .info, "The services there are.")
        for (service, labels) in zip(services, labels) { text.sample(labels + [("program", service.texts.program)], 1) }
        text.family("quartermaster_service_processes", .gauge, "Processes by what they are doing.")
        for (service, labels) in zip(services, labels) {
            let load = service.load
            for (state, number) in [
                ("starting", load.starting), ("idle", load.idle), ("busy", load.busy), ("retired", load.retired),
            ] { text.sample(labels + [("state", state)], Int64(number)) }
        }
        text.family("quartermaster_service_process_limit", .gauge, "Most processes there may be; +Inf for any number.")
        for (service, labels) in zip(services, labels) {
            let limit = service.counts.processLimit
            limit == 0 ? text.sample(labels, text: "+Inf") : text.sample(labels, Int64(limit))
        }
        text.family("quartermaster_service_state", .gauge, "Who looks after new clients: 1 for one of the states.")
        for (service, labels) in zip(services, labels) {
            for cover in ServiceCover.allCases where cover != .unknown {
                text.sample(labels + [("state", cover.name)], cover == service.load.cover ? 1 : 0)
            }
        }
        text.family("quartermaster_service_waiting_clients", .gauge, "Clients in the queue; absent while not known.")
        for (service, labels) in zip(services, labels) {
            if let waiting = service.waiting(at: moment) { text.sample(labels, Int64(waiting)) }
        }
        each("quartermaster_service_queue_room", .gauge, "Clients that may wait at an endpoint; 0 while not known.") {
            Int64($0.counts.queueRoom)
        }
        count(
            "quartermaster_service_queue_overflows",
            "Clients that found no room in the queue, or looks that found none."
        ) {
            $0.counts.overflows
        }
        text.family("quartermaster_service_last_overflow_timestamp_seconds", .gauge, "When a queue last overflowed.")
        for (service, labels) in zip(services, labels) where service.counts.overflowTime != 0 {
            text.sample(labels, seconds: realTime(service.counts.overflowTime))
        }
        count("quartermaster_service_uses", "How often a process became busy.") { $0.load.uses }
        eachTime("quartermaster_service_busy_seconds", .counter, "Time of all busy processes together.") {
            $0.busyTime(at: moment)
        }
        eachTime(
            "quartermaster_service_saturated_seconds",
            .counter,
            "Time with the process limit reached by busy ones."
        ) {
            $0.saturatedTime(at: moment)
        }
        eachTime("quartermaster_service_crowded_seconds", .counter, "How much of that time clients waited.") {
            $0.crowdedTime(at: moment)
        }
        count("quartermaster_service_starts", "Processes that were started.") { $0.counts.starts }
        text.family("quartermaster_service_ends", .counter, "Processes that ended, by how they did.")
        for (service, labels) in zip(services, labels) {
            let counts = service.counts
            for (kind, number) in [
                ("clean", counts.cleanEnds), ("failed", counts.failedEnds), ("killed", counts.killedEnds),
            ] { text.sample(labels + [("kind", kind)], Int64(clamping: number)) }
        }
        count("quartermaster_service_never_ready", "Processes that ended before they were heard of.") {
            $0.counts.neverReady
        }
        count("quartermaster_service_throttles", "Times that starting processes was put off.") { $0.counts.throttles }
        count("quartermaster_service_stress_onsets", "Times that stress began.") { $0.counts.stressOnsets }
        each("quartermaster_service_stress", .gauge, "Whether processes are started with stress=yes.") {
            $0.counts.stressUntil > moment ? 1 : 0
        }
        count("quartermaster_service_wakeups", "Wake-ups that were sent.") { $0.counts.wakeups }
        text.family("quartermaster_service_last_trouble_timestamp_seconds", .gauge, "When something last went wrong.")
        for (service, labels) in zip(services, labels) where service.counts.troubleTime != 0 {
            text.sample(labels, seconds: realTime(service.counts.troubleTime))
        }
        text.family("quartermaster_service_ready_seconds", .histogram, "From a process's fork to its first client.")
        for (service, labels) in zip(services, labels) { text.histogram(labels, service.counts.readyTimes) }
    }

    /// The first column of master.cf, or the path where that is not enough.
    private func label(of service: ServiceOverview) -> String {
        String(name(of: service).dropLast(service.texts.type.count + 1))
    }
}

private func snakeCased(_ name: String) -> String {
    var result = ""
    for letter in name {
        if letter.isUppercase { result += "_" }
        result += letter.lowercased()
    }
    return result
}

/// Writes families of samples in either format.
struct MetricsText {
    enum Kind: String {
        case gauge, counter, info, histogram, summary
    }

    private let format: MetricsFormat
    private var text = ""
    private var name = ""

    init(_ format: MetricsFormat) { self.format = format }

    /// The samples that follow belong to this family. `name` is without the suffix that its kind asks for.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        switch kind {
        case .counter: self.name = name + "_total"
        case .info: self.name = name + "_info"
        case .gauge, .histogram, .summary: self.name = name
        }
        let shown: (name: String, kind: String) =
            switch (format, kind) {
            case (.openMetrics, _): (name, kind.rawValue)
            // The older text knows no info, and calls a counter by the name of its samples.
            case (.prometheus, .info): (self.name, "gauge")
            case (.prometheus, _): (self.name, kind.rawValue)
            }
        text += "# HELP \(shown.name) \(help)\n# TYPE \(shown.name) \(shown.kind)\n"
    }

    mutating func sample(_ labels: [(String, String)], _ value: Int64) { sample(labels, text: String(value)) }

    /// Milliseconds.
    mutating func sample(_ labels: [(String, String)], seconds milliseconds: Int64) {
        sample(labels, text: seconds(milliseconds))
    }

    /// - Parameter own: further labels, as they stand here.
    mutating func sample(_ labels: [(String, String)], own: String = "", text value: String, suffix: String = "") {
        let known = labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
        let inside = own.isEmpty ? known : "\(known),\(own)"
        text += name + suffix + (inside.isEmpty ? "" : "{\(inside)}") + " " + value + "\n"
    }

    mutating func histogram(_ labels: [(String, String)], _ times: ReadyTimes) {
        var sum: UInt64 = 0
        for (bucket, count) in times.counts.enumerated() {
            sum &+= count
            let bound = ReadyTimes.upperBound(bucket).map { seconds($0) } ?? "+Inf"
            sample(labels + [("le", bound)], text: String(sum), suffix: "_bucket")
        }
        sample(labels, text: seconds(Int64(clamping: times.sum)), suffix: "_sum")
        sample(labels, text: String(sum), suffix: "_count")
    }

    consuming func finish() -> String {
        switch format {
        case .openMetrics: text + "# EOF\n"
        case .prometheus: text
        }
    }

    private func seconds(_ milliseconds: Int64) -> String {
        let (size, sign) = (milliseconds.magnitude, milliseconds < 0 ? "-" : "")
        return sign + "\(size / 1000)." + padded(size % 1000, 3)
    }

    private func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
