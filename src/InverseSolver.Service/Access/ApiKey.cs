using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Service.Access;

/// <summary>A key as lists show it: its secret is shown once, when it is made.</summary>
/// <param name="Id">Its id, the middle part of the key.</param>
/// <param name="Account">The account that it stands for.</param>
/// <param name="Tenant">The account's tenant; empty where there is only one.</param>
/// <param name="Scopes">The scopes: <c>read</c>, <c>submit</c>, <c>tenant</c>, <c>admin</c>.</param>
/// <param name="Created">The time when it was made.</param>
/// <param name="Expires">The time from which it is refused; null: never.</param>
/// <param name="Revoked">The time when it was revoked; null where it was not.</param>
/// <param name="LastUsed">The time of a use within the last minute before; null where it was not used.</param>
internal sealed record ApiKey(
    string Id, string Account, string Tenant, IReadOnlyList<string> Scopes, DateTimeOffset Created, DateTimeOffset? Expires, DateTimeOffset? Revoked,
    DateTimeOffset? LastUsed);

/// <summary>A key that was made.</summary>
/// <param name="Key">The key, to be sent as <c>X-API-Key</c> or <c>Authorization: Bearer</c>. It is not stored and not shown again.</param>
/// <param name="Details">Its details.</param>
internal sealed record NewApiKey(string Key, ApiKey Details);

/// <summary>All keys.</summary>
/// <param name="Items">The keys, the newest first, expired and revoked ones included.</param>
internal sealed record ApiKeyList(IReadOnlyList<ApiKey> Items);

/// <summary>A key to be made.</summary>
internal sealed record ApiKeyRequest : Requests.IRequestWithFiles
{
    /// <summary>
    /// The account that it stands for: 1 to 64 letters, digits, dots, hyphens and underscores. Keys of one account share its jobs and quotas.
    /// </summary>
    [RegularExpression("[A-Za-z0-9._-]{1,64}", ErrorMessage = "It must have 1 to 64 letters, digits, dots, hyphens and underscores.")]
    [MinLength(1, ErrorMessage = "It must have 1 to 64 letters, digits, dots, hyphens and underscores.")] public required string Account { get; init; }

    /// <summary>The account's tenant, of the same letters; absent or empty where there is only one.</summary>
    [RegularExpression("[A-Za-z0-9._-]{0,64}", ErrorMessage = "It must have at most 64 letters, digits, dots, hyphens and underscores.")]
    public string Tenant { get; init; } = "";

    /// <summary>The scopes: <c>read</c>, <c>submit</c>, <c>tenant</c>, <c>admin</c>; at least one.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>Days until it expires, 1 to 3650; absent or null: 365.</summary>
    [Range(1, 3650)] public int? Days { get; init; }

    /// <inheritdoc/>
    [System.Text.Json.Serialization.JsonIgnore]
    public IReadOnlyDictionary<string, string?> DataUris { get; } = new Dictionary<string, string?>();

    /// <summary>Checks what a caller sent.</summary>
    /// <exception cref="RequestException">All faults.</exception>
    public void Check() => RequestException.ThrowAll(
        () => Requests.RequestChecks.CheckRanges(this),
        () =>
        {
            if (Scopes is [] || Scopes.Any(scope => !Scope.All.Contains(scope)))
            {
                string? unknown = Scopes.FirstOrDefault(scope => !Scope.All.Contains(scope));
                throw Requests.RequestChecks.Unprocessable("invalidValue", "scopes", InverseSolver.Reconstruction.Words.NoneOf(unknown, Scope.All));
            }
        });
}
