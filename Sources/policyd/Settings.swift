//===----------------------------------------------------------------------===//
// Quartermaster: what main.cf asks of policyd
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import PolicyDecisions
import ServerSkeleton

/// The values of all parameters, as policyd uses them.
struct Settings {
    let rules: PolicyRules
    /// What could not be done as it was asked for.
    let correction: String?
    let stateFile: String
    let syncSeconds: Int64
    let statusSeconds: Int64
    let listSeconds: Int64
    let clientList: String
    let senderList: String
    let recipientList: String
    let greylistAction: ActionText
    let rateAction: ActionText

    static let parameters: [any ServiceParameter] = PolicydParameters.all.map { declared($0) }

    private static func declared<P: ConfigParameter>(_ parameter: P) -> any ServiceParameter { Parameter(parameter) }

    init(_ context: inout ServiceContext) {
        typealias Names = PolicydParameters
        var rates = RateRules(timeUnit: context.value(of: Parameter(Names.rateTimeUnit)))
        for limit in RateLimit.allCases { rates[limit] = context.value(of: Parameter(limit.parameter)) }
        var (greylist, correction): (GreylistRules?, String?) = (nil, nil)
        if context.value(of: Parameter(Names.greylist)) {
            greylist = GreylistRules(
                delay: context.value(of: Parameter(Names.greylistDelay)),
                retryWindow: context.value(of: Parameter(Names.greylistRetryWindow)),
                lifetime: context.value(of: Parameter(Names.greylistLifetime)),
                autoAllowAfter: context.value(of: Parameter(Names.greylistAutoAllow))
            )
            correction = greylist?.widenWindow()
        }
        self.correction = correction
        var rules = PolicyRules(greylist: greylist, rates: rates)
        rules.greylistPrefix = PolicyRules.Prefix(
            ipv4: context.value(of: Parameter(Names.greylistIPv4Prefix)),
            ipv6: context.value(of: Parameter(Names.greylistIPv6Prefix))
        )
        rules.ratePrefix = PolicyRules.Prefix(
            ipv4: context.value(of: Parameter(Names.rateIPv4Prefix)),
            ipv6: context.value(of: Parameter(Names.rateIPv6Prefix))
        )
        rules.greylistsUsers = context.value(of: Parameter(Names.greylistAuthenticated))
        rules.greylistCapacity = context.value(of: Parameter(Names.greylistTableSize))
        rules.rateCapacity = context.value(of: Parameter(Names.rateTableSize))
        self.rules = rules
        stateFile = context.value(of: Parameter(Names.stateFile))
        syncSeconds = Int64(context.value(of: Parameter(Names.syncInterval)))
        statusSeconds = Int64(context.value(of: Parameter(Names.statusUpdateTime)))
        listSeconds = Int64(context.value(of: Parameter(Names.listCheckInterval)))
        clientList = context.value(of: Parameter(Names.clientAllowList))
        senderList = context.value(of: Parameter(Names.senderAllowList))
        recipientList = context.value(of: Parameter(Names.recipientAllowList))
        greylistAction = ActionText(context.value(of: Parameter(Names.greylistAction)))
        rateAction = ActionText(context.value(of: Parameter(Names.rateAction)))
    }
}

extension RateLimit {
    fileprivate var parameter: IntegerParameter {
        switch self {
        case .clientMessages: PolicydParameters.clientMessageLimit
        case .clientRecipients: PolicydParameters.clientRecipientLimit
        case .senderMessages: PolicydParameters.senderMessageLimit
        case .senderRecipients: PolicydParameters.senderRecipientLimit
        case .userMessages: PolicydParameters.userMessageLimit
        case .userRecipients: PolicydParameters.userRecipientLimit
        case .recipientMessages: PolicydParameters.recipientMessageLimit
        }
    }
}

/// The text of an action, with a place for a number of seconds or without.
struct ActionText {
    private let before: [UInt8]
    private let after: [UInt8]
    private let hasSeconds: Bool

    private static let place = Array("{seconds}".utf8)

    init(_ text: String) {
        let bytes = Array(text.utf8)
        let size = Self.place.count
        let found = bytes.indices.first { $0 + size <= bytes.count && bytes[$0..<$0 + size].elementsEqual(Self.place) }
        hasSeconds = found != nil
        before = Array(bytes[..<(found ?? bytes.count)])
        after = found.map { Array(bytes[($0 + size)...]) } ?? []
    }

    /// Allocates nothing.
    func append(to reply: inout Reply, seconds: Int) {
        // All bytes of an array are there.
        reply.append(unsafe before.span.bytes)
        if hasSeconds { reply.append(decimal: seconds) }
        reply.append(unsafe after.span.bytes)
    }
}
