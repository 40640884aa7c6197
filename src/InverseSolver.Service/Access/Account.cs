using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using InverseSolver.Service.Storage;

namespace InverseSolver.Service.Access;

/// <summary>The sender of a request.</summary>
/// <param name="Name">The name within the tenant.</param>
/// <param name="Tenant">The organisation that it belongs to; empty where the service has only one.</param>
/// <param name="Scopes">The scopes that it has.</param>
internal sealed record Account(string Name, string Tenant, IReadOnlySet<string> Scopes)
{
    /// <summary>The claim with the account's name.</summary>
    public const string NameClaim = "account";

    /// <summary>The claim with the tenant.</summary>
    public const string TenantClaim = "tenant";

    /// <summary>The claim with a scope; there is one for each.</summary>
    public const string ScopeClaim = "scope";

    /// <summary>The name under which jobs, quotas and shares are kept: tenant/name, or the name alone.</summary>
    public string Caller { get; } = Tenant.Length == 0 ? Name : $"{Tenant}/{Name}";

    /// <summary>True where nobody has to say who they are: whoever reaches the service may do everything.</summary>
    public bool IsAnonymous { get; init; }

    /// <summary>The account as claims.</summary>
    /// <param name="scheme">The way in which it was recognised.</param>
    /// <param name="proof">What it proved itself by; null where nothing is kept of that.</param>
    public ClaimsPrincipal ToPrincipal(string scheme, string? proof = null) => new(new ClaimsIdentity(
        [
            new(NameClaim, Name), new(TenantClaim, Tenant), .. Scopes.Select(scope => new Claim(ScopeClaim, scope)),
            .. proof is null ? (Claim[])[] : [new(Sessions.ProofClaim, proof)],
            .. IsAnonymous ? (Claim[])[new(ClaimTypes.Anonymous, "true")] : [],
        ],
        scheme));

    /// <summary>The account of claims.</summary>
    public static Account Of(ClaimsPrincipal user) => new(
        user.FindFirstValue(NameClaim)!, user.FindFirstValue(TenantClaim) ?? "", user.FindAll(ScopeClaim).Select(claim => claim.Value).ToHashSet())
    {
        IsAnonymous = user.HasClaim(claim => claim.Type == ClaimTypes.Anonymous),
    };

    /// <summary>The account of whoever comes from an address, where nobody has to say who they are.</summary>
    public static Account At(HttpContext http) => new(AddressOf(http), "", Scope.All.ToHashSet()) { IsAnonymous = true };

    /// <summary>True where a job belongs to this account, or to its tenant and the account may read all of it.</summary>
    public bool Owns(JobRow job) => IsAnonymous || job.Caller == Caller || (Scopes.Contains(Scope.Tenant) && TenantOf(job.Caller) == Tenant);

    /// <summary>True where this account may see a job's state and end it: its owner, and who administers the service.</summary>
    public bool Manages(JobRow job) => Owns(job) || Scopes.Contains(Scope.Admin);

    /// <summary>The name of a caller within its tenant.</summary>
    public static string NameOf(string caller) => TenantOf(caller) is { Length: > 0 } tenant ? caller[(tenant.Length + 1)..] : caller;

    /// <summary>The tenant of a caller. A network of IPv6 has a slash too.</summary>
    public static string TenantOf(string caller) => caller.Split('/') is [var tenant, _] && !tenant.EndsWith("::", StringComparison.Ordinal) ? tenant : "";

    /// <summary>The address that a request comes from; of IPv6 the first 64 bits, which one network has.</summary>
    public static string AddressOf(HttpContext http) => http.Connection.RemoteIpAddress is not { } address ? "local"
        : address.IsIPv4MappedToIPv6 ? $"{address.MapToIPv4()}"
        : address.AddressFamily == AddressFamily.InterNetworkV6 ? $"{new IPAddress([.. address.GetAddressBytes()[..8], .. new byte[8]])}/64"
        : $"{address}";
}

/// <summary>The scopes of accounts.</summary>
internal static class Scope
{
    /// <summary>Its own jobs, their events and files; models, problems and solvers.</summary>
    public const string Read = "read";

    /// <summary>Submit, estimate and simulate; cancel, retain and delete its own jobs.</summary>
    public const string Submit = "submit";

    /// <summary>All jobs of the tenant as if they were its own.</summary>
    public const string Tenant = "tenant";

    /// <summary>Load and unload models, keys, the audit trail; see, cancel and delete every job, without its files.</summary>
    public const string Admin = "admin";

    /// <summary>All scopes.</summary>
    public static IReadOnlyList<string> All { get; } = [Read, Submit, Tenant, Admin];
}

/// <summary>The account of a request, and the scopes that endpoints ask for.</summary>
internal static class AccountExtensions
{
    /// <summary>The account of an authenticated request.</summary>
    public static Account Account(this HttpContext http) => Access.Account.Of(http.User);

    /// <summary>Answers only accounts with a scope.</summary>
    public static RouteHandlerBuilder Needs(this RouteHandlerBuilder route, string scope) => route
        .RequireAuthorization(scope)
        .Produces<ApiError>(StatusCodes.Status401Unauthorized, ApiError.ContentType).Produces<ApiError>(StatusCodes.Status403Forbidden, ApiError.ContentType);
}
