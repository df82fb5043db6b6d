//===----------------------------------------------------------------------===//
// Quartermaster: from options to a plan
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import SystemCalls

/// What the options mean together. Each complaint names the option and what it wants.
extension LoadOptions {
    private var shape: LoadShape { Kind.shape }

    func makePlan(usualSeconds: Int64) throws -> LoadPlan {
        let target = try place.makeTarget()
        var plan = LoadPlan(
            shape: shape,
            target: target,
            script: try words.makeScript(target, place),
            clients: try amount.makeClients(),
            limit: try amount.makeLimit(usualSeconds: usualSeconds)
        )
        if plan.isRoundTrips { plan.timeoutNanoseconds = 1_000_000_000 }
        plan.outstanding = try amount.makeOutstanding(of: plan)
        plan.timeoutNanoseconds = try manner.timeout?.nanoseconds("--timeout") ?? plan.timeoutNanoseconds
        plan.warmUpNanoseconds = try amount.warmUp?.nanoseconds("--warm-up") ?? 0
        plan.pace = try amount.makePace()
        plan.threads = try makeThreads(of: plan.clients)
        if let dribble = manner.dribble {
            if !Kind.dribbles { throw ValidationError("--dribble is for slow") }
            plan.dribbleNanoseconds = try dribble.nanoseconds("--dribble")
        }
        if let sources = manner.sources { plan.sources = try makeSources(sources, target) }
        plan.closesWithReset = manner.close == .rst
        if plan.closesWithReset, !target.isTCP {
            throw ValidationError("--close rst is for --tcp; nothing else resets")
        }
        if !Kind.repeats, plan.warmUpNanoseconds > 0 {
            throw ValidationError("--warm-up does not go with \(shape.rawValue), which begins every connection once")
        }
        plan.stopsOnSignals = true
        return plan
    }

    private func makeSources(_ text: String, _ target: Target) throws -> [SocketAddress] {
        try reading("--sources") {
            try SourceAddresses.parse(try fileOrText(text, "--sources"), family: target.address?.family ?? .unix)
        }
    }

    private func makeThreads(of clients: Int) throws -> Int {
        let threads = try manner.threads?.count("--threads", 1...LoadRun.mostThreads) ?? 1
        if threads > clients { throw ValidationError("--threads wants no more than there are clients, \(clients)") }
        return threads
    }
}

extension PlaceOptions {
    func makeTarget() throws -> Target {
        let given = [unix, tcp, udp, fifo].compactMap(\.self).count
        guard given <= 1 else { throw ValidationError("--unix, --tcp, --udp and --fifo exclude each other") }
        if url != nil, given > 0, unix == nil {
            throw ValidationError("a URL says where to go itself: leave out --tcp, --udp and --fifo")
        }
        do {
            return try makePlace(given)
        } catch let problem as Target.Problem {
            throw ValidationError(option.isEmpty ? problem.description : "\(option): \(problem)")
        }
    }

    private func makePlace(_ given: Int) throws -> Target {
        if let unix { return try Target(unixPath: unix, Kind.connects ? .stream : .datagram) }
        if let url { return try Target(url: url) }
        if let tcp {
            if !Kind.connects { throw ValidationError("datagrams do not go over TCP: give --unix, --udp or --fifo") }
            return try Target(tcp: tcp)
        }
        if !Kind.suitsDatagrams, given > 0 {
            throw ValidationError("\(Kind.shape.rawValue) wants connections: give --unix or --tcp")
        }
        if let udp { return try Target(udp: udp) }
        if let fifo { return try makeFIFO(fifo) }
        let places =
            Kind.suitsDatagrams
            ? (Kind.connects ? "--unix or --tcp, or --udp or --fifo" : "--unix, --udp or --fifo") : "--unix or --tcp"
        throw ValidationError("nowhere to go: give \(places)\(Kind.speaksHTTP ? ", or http://HOST:PORT/PATH" : "")")
    }

    /// What does not exist may come; what is something else would be overwritten.
    private func makeFIFO(_ path: String) throws -> Target {
        if let facts = try? facts(ofPath: path), facts.kind != .fifo {
            throw ValidationError("--fifo: \(path) is no FIFO; nothing was written to it")
        }
        return try Target(fifo: path)
    }

    private var option: String {
        if unix != nil { return "--unix" }
        if url != nil { return "" }
        return tcp != nil ? "--tcp" : udp != nil ? "--udp" : "--fifo"
    }
}

extension AmountOptions {
    func repeats() throws -> Int { try `repeat`?.count("--repeat", 1...1000) ?? 1 }

    func makeClients() throws -> Int {
        if !Kind.connects, clients != nil { throw ValidationError("--clients is not for datagrams; use --senders") }
        if Kind.connects, senders != nil { throw ValidationError("--senders is for datagrams; use --clients") }
        return Kind.connects
            ? try clients?.count("--clients", 1...100_000) ?? 50 : try senders?.count("--senders", 1...100_000) ?? 2
    }

    func makeOutstanding(of plan: LoadPlan) throws -> Int {
        guard let outstanding else { return 1 }
        if Kind.connects { throw ValidationError("--outstanding is for datagrams") }
        let number = try outstanding.count("--outstanding", 1...1000)
        if number > 1, plan.script.numbers == nil || !plan.isRoundTrips {
            let word = DatagramNumbers.word
            throw ValidationError(
                "--outstanding wants replies that can be told apart: --preset echo, or \(word) in --send and --expect"
            )
        }
        if number * plan.clients > DatagramNumbers.mostPlaces {
            throw ValidationError("--outstanding times --senders is \(DatagramNumbers.mostPlaces) at most")
        }
        return number
    }

    func makeLimit(usualSeconds: Int64) throws -> LoadLimit {
        let exchanges = try count?.count("--count", 1...Int.max)
        if !Kind.hasDuration, count != nil || duration != nil {
            throw ValidationError("burst has one exchange of each client: leave out --count and --duration")
        }
        if !Kind.repeats, count != nil {
            throw ValidationError("\(Kind.shape.rawValue) holds as many as --clients says: leave out --count")
        }
        let time = try duration?.nanoseconds("--duration")
        let usual = usualSeconds * 1_000_000_000
        if !Kind.repeats {
            return LoadLimit(exchanges: try makeClients(), nanoseconds: Kind.hasDuration ? time ?? usual : .max)
        }
        if exchanges == nil, time == nil { return LoadLimit(nanoseconds: usual) }
        return LoadLimit(exchanges: exchanges ?? .max, nanoseconds: time ?? .max)
    }

    func makePace() throws -> RateProfile? {
        if rate == nil, profile == nil { return nil }
        if rate != nil, profile != nil { throw ValidationError("--rate and --profile exclude each other") }
        if !Kind.repeats {
            throw ValidationError("\(Kind.shape.rawValue) begins at once: leave out --rate and --profile")
        }
        if let rate { return RateProfile(constant: try rate.rate("--rate", 0.001...RateProfile.highestRate)) }
        return try reading("--profile") { try read(profile ?? "") }
    }

    private func read(_ text: String) throws -> RateProfile {
        if let profile = try RateProfile.parse(text) { return profile }
        let wanted = "no ramp:, step: or spike:, and no file that can be read"
        guard let file = try? readFile(text) else { throw RateProfile.Problem(description: "\(text): \(wanted)") }
        return try RateProfile.parse(lines: String(decoding: file.bytes, as: UTF8.self), name: text)
    }
}

/// Says which option a complaint is about.
func reading<Value>(_ option: String, _ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let error as ValidationError {
        throw error
    } catch {
        throw ValidationError("\(option): \(error)")
    }
}

/// The text itself, or with `@` in front what is in the file.
func fileOrText(_ text: String, _ option: String) throws -> String {
    text.hasPrefix("@") ? String(decoding: try contents(of: text.dropFirst(), option), as: UTF8.self) : text
}

func contents(of path: Substring, _ option: String) throws -> [UInt8] {
    do {
        return try readFile(String(path)).bytes
    } catch {
        throw ValidationError("\(option): \(path): \(error.reason)")
    }
}
