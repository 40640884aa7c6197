using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace InverseSolver.Service.Audit;

/// <summary>A record of the audit trail.</summary>
internal sealed record AuditRecord
{
    /// <summary>Its number; they follow each other without a gap.</summary>
    public long Seq { get; init; }

    /// <summary>The time, unix milliseconds.</summary>
    public long Time { get; init; }

    /// <summary>The account, tenant/name where it has a tenant; empty where the sender was not recognised; <c>service</c> for what the service did.</summary>
    public string Account { get; init; } = "";

    /// <summary>The operation, as the OpenAPI document names it; or what the service did by itself, for example <c>jobSucceeded</c>.</summary>
    public string Action { get; init; } = "";

    /// <summary>
    /// The id of the job, model or key, with the file's name of a download, or with the code of a failed job's error; null where there is none. Of the
    /// hundredth, thousandth, ... request of unknown senders within a minute it is that number.
    /// </summary>
    public string? Object { get; init; }

    /// <summary>The HTTP status of the answer; of what the service did, 200, and 500 for a job that failed.</summary>
    public int Outcome { get; init; }

    /// <summary>The sender's address; empty where the service did it.</summary>
    public string Address { get; init; } = "";

    /// <summary>The trace id of the log.</summary>
    public string? Trace { get; init; }

    /// <summary>HMAC-SHA-256 over the record before and this one, hexadecimal.</summary>
    public string Mac { get; init; } = "";

    /// <summary>The HMAC that this record must have.</summary>
    /// <param name="key">The key of the trail.</param>
    /// <param name="before">The HMAC of the record before; empty before the first one.</param>
    public string MacAfter(byte[] key, string before)
    {
        // Each field with its length before it, so that no two records have the same text.
        var text = new StringBuilder(before);
        foreach (string? field in (string?[])
            [
                Number(Seq), Number(Time), Account, Action, Object, Number(Outcome), Address, Trace,
            ])
        {
            text.Append('\n').Append(field is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{field.Length}:{field}"));
        }

        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The newest record of the trail. Kept elsewhere, it shows whether records were cut off later.</summary>
/// <param name="Seq">Its number; 0 where there is none.</param>
/// <param name="Mac">Its HMAC; empty where there is none.</param>
internal sealed record AuditHead(long Seq, string Mac);

/// <summary>A page of the audit trail.</summary>
/// <param name="Items">The records, the oldest first.</param>
/// <param name="Head">The newest record of the whole trail.</param>
internal sealed record AuditPage(IReadOnlyList<AuditRecord> Items, AuditHead Head);
