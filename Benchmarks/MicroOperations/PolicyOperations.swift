//===----------------------------------------------------------------------===//
// Quartermaster: what policyd does for a question, without input and output
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import FixedMemory
import PolicyDecisions

extension Comparison {
    static var policy: [Comparison] {
        let (fixed, counted) = (PolicySample.question(instance: "17a8.1"), PolicySample.question(instance: "00000000"))
        return [
            Comparison("policy-parse", times: 1000) {
                OurWorkload(PolicyParsing(fixed))
            } peer: {
                PeerWorkload(CPEERS_POLICY_PARSE, input: fixed)
            },
            decision("policy-listed", fixed, CPEERS_POLICY_LIST) { PolicyDeciding(fixed, isListed: true) },
            decision("policy-stranger", PolicySample.stranger, CPEERS_POLICY_STRANGER) {
                PolicyDeciding(PolicySample.stranger, greylist: 65_536, .changes)
            },
            decision("policy-stranger-full", PolicySample.stranger, CPEERS_POLICY_EVICTING) {
                PolicyDeciding(PolicySample.stranger, greylist: 100, .changes)
            },
            decision("policy-known", fixed, CPEERS_POLICY_KNOWN) { PolicyDeciding(fixed, greylist: 100) },
            decision("policy-rate", counted, CPEERS_POLICY_RATE) {
                PolicyDeciding(counted, limit: 1_000_000, .changes)
            },
        ]
    }

    private static func decision(
        _ name: String,
        _ question: [UInt8],
        _ peer: cpeers_operation,
        _ make: @escaping @Sendable () -> PolicyDeciding
    ) -> Comparison {
        Comparison(name, times: 1000) {
            OurWorkload(make())
        } peer: {
            PeerWorkload(peer, input: question)
        }
    }
}

/// A question of Postfix's smtpd.
private enum PolicySample {
    static func question(sender: String = "sender@example.com", instance: String) -> [UInt8] {
        let attributes = [
            "request=smtpd_access_policy", "protocol_state=RCPT", "protocol_name=ESMTP", "client_address=192.0.2.7",
            "client_name=mail.example.net", "client_port=43210", "reverse_client_name=mail.example.net",
            "server_address=198.51.100.25", "server_port=25", "helo_name=mail.example.net", "sender=\(sender)",
            "recipient=somebody@example.org", "recipient_count=0", "queue_id=", "instance=\(instance)", "size=0",
            "etrn_domain=", "stress=", "sasl_method=", "sasl_username=", "sasl_sender=", "ccert_subject=",
            "ccert_issuer=", "ccert_fingerprint=", "ccert_pubkey_fingerprint=", "encryption_protocol=",
            "encryption_cipher=", "encryption_keysize=0", "policy_context=",
        ]
        return Array((attributes.joined(separator: "\n") + "\n\n").utf8)
    }

    /// With digits that are another number each time.
    static var stranger: [UInt8] { question(sender: "00000000@example.com", instance: "17a8.1") }
}

private struct PolicyParsing: ~Copyable, Subject {
    private let question: FixedBytes

    init(_ question: [UInt8]) { self.question = FixedBytes(copying: question) }

    mutating func run(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            if case .whole(_, let size) = PolicyRequest.parse(question.bytes) { sum += size }
        }
        return sum
    }
}

/// A decision about a question that is parsed already.
private struct PolicyDeciding: ~Copyable, Subject {
    /// What is counted, so that both sides are seen to do it.
    enum Result { case verdicts, changes }

    private static let key = HashKey(first: 1, second: 2)
    private var question: FixedBytes
    private let request: PolicyRequest
    private let digits: Int?
    private var number: UInt32 = 0
    private var state: PolicyState
    private let lists: AllowLists
    private var now: Int64 = 1_000_000_000_000
    private let result: Result

    init(
        _ question: [UInt8],
        greylist capacity: Int? = nil,
        limit: Int = 0,
        isListed: Bool = false,
        _ result: Result = .verdicts
    ) {
        self.question = FixedBytes(copying: question)
        request = Self.request(in: FixedBytes(copying: question))
        self.result = result
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: 8)
        digits = question.indices.dropLast(8).first { question[$0..<$0 + 8].elementsEqual(zeros) }
        let greylist = GreylistRules(delay: 60, retryWindow: 1 << 30, lifetime: 1 << 30, autoAllowAfter: 0)
        var rules = PolicyRules(greylist: capacity == nil ? nil : greylist, rates: RateRules(timeUnit: 3600))
        rules.greylistCapacity = capacity ?? 1
        rules.rateCapacity = 100
        rules.rates[.senderMessages] = limit
        state = PolicyState(rules, key: Self.key)
        var lists = AllowLists(key: Self.key)
        if isListed {
            let names = (0..<999).map { "user\($0)@example.com\n" }.joined() + "sender@example.com\n"
            // All bytes of an array are there.
            if let list = try? unsafe AllowList(Array(names.utf8).span.bytes, .addresses, key: Self.key) {
                lists.senders = list
            }
        }
        self.lists = lists
        // The first time and the first time that passes are over.
        if digits == nil {
            _ = decide()
            now += 60_000_000
            _ = decide()
        }
    }

    /// A question that is none is allowed nothing, and the two sides do not come to the same.
    private static func request(in question: borrowing FixedBytes) -> PolicyRequest {
        if case .whole(let request, _) = PolicyRequest.parse(question.bytes) { return request }
        return PolicyRequest()
    }

    mutating func run(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            if let digits { countUp(digits) }
            let verdict = decide()
            switch result {
            case .changes: sum += state.changes.count
            case .verdicts: if verdict == .passed || verdict == .allowed { sum += 1 }
            }
        }
        return sum
    }

    private mutating func decide() -> PolicyVerdict { Self.decide(&state, request, question, lists, now) }

    @inline(__always)
    private static func decide(
        _ state: inout PolicyState,
        _ request: PolicyRequest,
        _ question: borrowing FixedBytes,
        _ lists: AllowLists,
        _ now: Int64
    ) -> PolicyVerdict {
        state.decide(request, question.bytes, lists, now: now)
    }

    private mutating func countUp(_ place: Int) {
        number += 1
        var rest = number
        var bytes = question.mutableBytes
        for index in (place..<place + 8).reversed() {
            bytes.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: index, as: UInt8.self)
            rest /= 10
        }
    }
}
