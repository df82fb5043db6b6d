//===----------------------------------------------------------------------===//
// Quartermaster: the parameters that every program of Postfix evaluates when it starts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What we do not use ourselves, and every program of Postfix does: a mistake in one of these ends each of Postfix's
/// daemons as it starts. Where Postfix's daemons are installed, `master` therefore looks at them too. Names, types,
/// defaults and bounds are those of Postfix 3.7; an interoperation test compares them with Debian's `master`.
package enum SharedParameters {
    /// What is wrong with the values. The dictionary stays as it is: the defaults of these are none of our business.
    package static func problems(_ dictionary: MainDictionary) -> [ConfigProblem] {
        var dictionary = dictionary
        var problems: [ConfigProblem] = []
        for parameter in all { check(parameter, &dictionary, &problems) }
        checkNetworkStyle(&dictionary, &problems)
        checkVerpDelimiters(&dictionary, &problems)
        return problems
    }

    private static func check(
        _ parameter: some ConfigParameter,
        _ dictionary: inout MainDictionary,
        _ problems: inout [ConfigProblem]
    ) {
        _ = dictionary.value(of: parameter, problems: &problems)
    }

    /// The style is what networks are found out by, when they are not given.
    private static func checkNetworkStyle(_ dictionary: inout MainDictionary, _ problems: inout [ConfigProblem]) {
        guard !dictionary.isSet("mynetworks") else { return }
        var found: [ConfigProblem] = []
        let style = dictionary.value(of: networkStyle, problems: &found)
        guard found.isEmpty, !["class", "subnet", "host"].contains(style) else { return }
        problems.append(
            .fatal(
                "unknown mynetworks mask style value \"\(style)\" in \"\(style)\"",
                at: dictionary.place(of: networkStyle.name),
                cure: "Set mynetworks_style to class, subnet or host."
            )
        )
    }

    /// Each of the two delimiters has to be one of those that the filter lets pass.
    private static func checkVerpDelimiters(_ dictionary: inout MainDictionary, _ problems: inout [ConfigProblem]) {
        var found: [ConfigProblem] = []
        let delimiters = dictionary.value(of: verpDelimiters, problems: &found)
        let filter = dictionary.value(of: verpFilter, problems: &found)
        guard found.isEmpty else { return }
        for (delimiter, place) in zip(delimiters.bytes, ["first", "second"]) where !filter.bytes.contains(delimiter) {
            let name = dictionary.isSet(verpFilter.name) ? verpFilter.name : verpDelimiters.name
            problems.append(
                .fatal(
                    "parameters default_verp_delimiters and verp_delimiter_filter:"
                        + " bad \(place) VERP delimiter character",
                    at: dictionary.place(of: name),
                    cure: "Use only characters of verp_delimiter_filter in default_verp_delimiters."
                )
            )
            return
        }
    }
}

extension SharedParameters {
    private static let networkStyle = StringParameter(
        "mynetworks_style",
        default: "${{$compatibility_level} <level {2} ? {subnet} : {host}}",
        minLength: 1
    )
    private static let verpDelimiters = StringParameter(
        "default_verp_delimiters",
        default: "+=",
        minLength: 2,
        maxLength: 2
    )
    private static let verpFilter = StringParameter("verp_delimiter_filter", default: "-=+", minLength: 1)

    static let all: [any ConfigParameter] =
        booleans + integers + times + [networkStyle, verpDelimiters, verpFilter] + nonEmptyStrings + strings

    private static let booleans: [any ConfigParameter] = [
        BooleanParameter("address_verify_negative_cache", default: true),
        BooleanParameter("backwards_bounce_logfile_compatibility", default: true),
        BooleanParameter("daemon_table_open_error_is_fatal", default: false),
        BooleanParameter("disable_dns_lookups", default: false),
        BooleanParameter("disable_mime_input_processing", default: false),
        BooleanParameter("disable_mime_output_conversion", default: false),
        BooleanParameter("dns_ncache_ttl_fix_enable", default: false),
        BooleanParameter("enable_idna2003_compatibility", default: false),
        BooleanParameter("enable_long_queue_ids", default: false),
        BooleanParameter("enable_original_recipient", default: true),
        BooleanParameter("helpful_warnings", default: true),
        BooleanParameter("owner_request_special", default: true),
        BooleanParameter("respectful_logging", default: "${{$compatibility_level} <level {3.6} ? {no} : {yes}}"),
        BooleanParameter("send_cyrus_sasl_authzid", default: false),
        BooleanParameter("smtputf8_enable", default: "${{$compatibility_level} <level {1} ? {no} : {yes}}"),
        BooleanParameter("soft_bounce", default: false),
        BooleanParameter("strict_7bit_headers", default: false),
        BooleanParameter("strict_8bitmime", default: false),
        BooleanParameter("strict_8bitmime_body", default: false),
        BooleanParameter("strict_mime_encoding_domain", default: false),
        BooleanParameter("strict_smtputf8", default: false),
    ]

    private static let integers: [any ConfigParameter] = [
        IntegerParameter("berkeley_db_create_buffer_size", default: 16_777_216, min: 1),
        IntegerParameter("berkeley_db_read_buffer_size", default: 131_072, min: 1),
        IntegerParameter("debug_peer_level", default: 2, min: 1),
        IntegerParameter("delay_logging_resolution_limit", default: 2, max: 6),
        IntegerParameter("deliver_lock_attempts", default: 20, min: 1),
        IntegerParameter("dont_remove", default: 0),
        IntegerParameter("fault_injection_code", default: 0),
        IntegerParameter("hash_queue_depth", default: 1, min: 1),
        IntegerParameter("header_address_token_limit", default: 10_240, min: 1),
        IntegerParameter("header_size_limit", default: 102_400, min: 1),
        IntegerParameter("line_length_limit", default: 2048, min: 512),
        IntegerParameter("lmdb_map_size", default: 16_777_216, min: 1),
        IntegerParameter("message_size_limit", default: 10_240_000),
        IntegerParameter("mime_boundary_length_limit", default: 2048, min: 1),
        IntegerParameter("mime_nesting_limit", default: 100, min: 1),
    ]

    private static let times: [any ConfigParameter] = [
        TimeParameter("deliver_lock_delay", default: "1s", min: 1),
        TimeParameter("stale_lock_time", default: "500s", min: 1),
    ]

    private static let nonEmptyStrings: [any ConfigParameter] =
        [
            "address_verify", "bounce", "cleanup", "defer", "error", "flush", "pickup", "proxymap", "proxywrite",
            "rewrite",
            "showq", "trace",
        ].map { StringParameter("\($0)_service_name", default: $0, minLength: 1) } + [
            StringParameter("queue_service_name", default: "qmgr", minLength: 1),
            StringParameter("default_database_type", default: "hash", minLength: 1),
            StringParameter("double_bounce_sender", default: "double-bounce", minLength: 1),
            StringParameter("hash_queue_names", default: "deferred, defer", minLength: 1),
            StringParameter("info_log_address_format", default: "external", minLength: 1),
            StringParameter("myorigin", default: "$myhostname", minLength: 1),
            StringParameter("smtputf8_autodetect_classes", default: "sendmail, verify", minLength: 1),
        ]

    private static let strings: [any ConfigParameter] =
        [
            StringParameter("mydestination", default: "$myhostname, localhost.$mydomain, localhost"),
            StringParameter("relay_domains", default: "${{$compatibility_level} <level {2} ? {$mydestination} : {}}"),
            StringParameter("fast_flush_domains", default: "$relay_domains"),
            StringParameter("alias_database", default: "hash:/etc/aliases"),
            StringParameter("dnssec_probe", default: "ns:."),
            StringParameter("message_drop_headers", default: "bcc, content-length, resent-bcc, return-path"),
            StringParameter("mynetworks", default: ""),
            StringParameter("parent_domain_matches_subdomains", default: ""),
        ]
        + [
            "alternate_config_directories", "debug_peer_list", "default_delivery_status_filter",
            "internal_mail_filter_classes", "recipient_delimiter", "relayhost",
        ].map { StringParameter($0, default: "") }
}
