//===----------------------------------------------------------------------===//
// Quartermaster: from options to a plan
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import SystemCalls

/// What the options mean together. Each complaint names the option and what it wants.
extension LoadOptions {
    func makePlan(_ shape: LoadShape) throws -> LoadPlan {
        let target = try makeTarget(shape)
        var plan = LoadPlan(
            shape: shape,
            target: target,
            script: try words.makeScript(shape, target),
            clients: try makeClients(shape),
            limit: try makeLimit(shape)
        )
        plan.timeoutNanoseconds = try nanoseconds(manner.timeout ?? 10, "--timeout")
        plan.warmUpNanoseconds = try amount.warmUp.map { try nanoseconds($0, "--warm-up") } ?? 0
        plan.pace = try makePace(shape)
        plan.threads = try makeThreads(of: plan.clients)
        if let dribble = manner.dribble {
            if shape != .slow { throw ValidationError("--dribble is for slow") }
            plan.dribbleNanoseconds = try nanoseconds(dribble, "--dribble")
        }
        if let sources = manner.sources { plan.sources = try makeSources(sources, target) }
        plan.closesWithReset = manner.close == .rst
        if plan.closesWithReset, !target.isTCP {
            throw ValidationError("--close rst is for --tcp; nothing else resets")
        }
        if shape == .burst || shape == .idle, plan.warmUpNanoseconds > 0 {
            throw ValidationError("--warm-up does not go with \(shape.rawValue), which begins every connection once")
        }
        plan.stopsOnSignals = true
        return plan
    }

    var repeats: Int { amount.repeat ?? 1 }

    // MARK: where to

    private func makeTarget(_ shape: LoadShape) throws -> Target {
        let given = [place.unix, place.tcp, place.udp, place.fifo].compactMap(\.self).count
        guard given <= 1 else { throw ValidationError("--unix, --tcp, --udp and --fifo exclude each other") }
        do {
            if let path = place.unix { return try Target(unixPath: path, shape == .datagrams ? .datagram : .stream) }
            if let text = place.tcp {
                if shape == .datagrams {
                    throw ValidationError("datagrams do not go over TCP: give --unix, --udp or --fifo")
                }
                return try Target(tcp: text)
            }
            if shape != .datagrams, shape != .storm, given > 0 {
                throw ValidationError("\(shape.rawValue) wants connections: give --unix or --tcp")
            }
            if let text = place.udp { return try Target(udp: text) }
            if let path = place.fifo { return try makeFIFO(path) }
        } catch let problem as Target.Problem {
            throw ValidationError("\(optionOfPlace): \(problem)")
        }
        throw ValidationError("nowhere to go: give --unix or --tcp, or --udp or --fifo")
    }

    /// What does not exist may come; what is something else would be overwritten.
    private func makeFIFO(_ path: String) throws -> Target {
        if let facts = try? facts(ofPath: path), facts.kind != .fifo {
            throw ValidationError("--fifo: \(path) is no FIFO; nothing was written to it")
        }
        return try Target(fifo: path)
    }

    private var optionOfPlace: String {
        place.unix != nil ? "--unix" : place.tcp != nil ? "--tcp" : place.udp != nil ? "--udp" : "--fifo"
    }

    private func makeSources(_ text: String, _ target: Target) throws -> [SocketAddress] {
        try reading("--sources") {
            try SourceAddresses.parse(try fileOrText(text, "--sources"), family: target.address?.family ?? .unix)
        }
    }

    // MARK: how much

    private func makeClients(_ shape: LoadShape) throws -> Int {
        let isDatagrams = shape == .datagrams
        if isDatagrams, amount.clients != nil { throw ValidationError("--clients is not for datagrams; use --senders") }
        if !isDatagrams, amount.senders != nil { throw ValidationError("--senders is for datagrams; use --clients") }
        let number = isDatagrams ? amount.senders ?? 2 : amount.clients ?? 50
        guard (1...100_000).contains(number) else {
            throw ValidationError("\(isDatagrams ? "--senders" : "--clients") wants 1 to 100000")
        }
        return number
    }

    private func makeThreads(of clients: Int) throws -> Int {
        let threads = manner.threads ?? 1
        guard (1...min(clients, LoadRun.mostThreads)).contains(threads) else {
            throw ValidationError("--threads wants 1 to \(LoadRun.mostThreads), and not more than there are clients")
        }
        return threads
    }

    private func makeLimit(_ shape: LoadShape) throws -> LoadLimit {
        let (count, duration) = (amount.count, amount.duration)
        guard (1...1000).contains(repeats) else { throw ValidationError("--repeat wants 1 to 1000") }
        if let count, count < 1 { throw ValidationError("--count wants at least 1") }
        if shape == .burst, count != nil || duration != nil {
            throw ValidationError("burst has one exchange of each client: leave out --count and --duration")
        }
        if shape == .idle, count != nil {
            throw ValidationError("idle holds as many as --clients says: leave out --count")
        }
        let time = try duration.map { try nanoseconds($0, "--duration") }
        if shape == .burst || shape == .idle {
            return LoadLimit(
                exchanges: try makeClients(shape),
                nanoseconds: shape == .idle ? time ?? 5_000_000_000 : .max
            )
        }
        if count == nil, time == nil { return LoadLimit(nanoseconds: 5_000_000_000) }
        return LoadLimit(exchanges: count ?? .max, nanoseconds: time ?? .max)
    }

    private func makePace(_ shape: LoadShape) throws -> RateProfile? {
        if amount.rate == nil, amount.profile == nil { return nil }
        if amount.rate != nil, amount.profile != nil {
            throw ValidationError("--rate and --profile exclude each other")
        }
        if shape == .burst { throw ValidationError("burst begins at once: leave out --rate and --profile") }
        if let rate = amount.rate {
            guard rate >= 0.001, rate <= RateProfile.highestRate else {
                throw ValidationError("--rate wants exchanges a second, from 0.001 to \(Int(RateProfile.highestRate))")
            }
            return RateProfile(constant: rate)
        }
        return try reading("--profile") { try profile(amount.profile ?? "") }
    }

    private func profile(_ text: String) throws -> RateProfile {
        if let profile = try RateProfile.parse(text) { return profile }
        let wanted = "no ramp:, step: or spike:, and no file that can be read"
        guard let file = try? readFile(text) else { throw RateProfile.Problem(description: "\(text): \(wanted)") }
        return try RateProfile.parse(lines: String(decoding: file.bytes, as: UTF8.self), name: text)
    }
}

/// Seconds of the command line.
func nanoseconds(_ seconds: Double, _ option: String) throws -> Int64 {
    guard seconds >= 0.001, seconds <= 86_400 else {
        throw ValidationError("\(option) wants seconds, from 0.001 to 86400")
    }
    return Int64(seconds * 1e9)
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
