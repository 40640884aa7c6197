using System.Security.Claims;
using Dapper;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>
/// Sessions of browsers. Whoever proves itself by a key, a token or a certificate gets a cookie for it; so does whoever comes back from the issuer's page
/// (OpenID Connect, authorization code flow with PKCE). Pages can read neither the cookie nor, afterwards, the key.
/// </summary>
internal static class Sessions
{
    /// <summary>The authentication scheme of the cookie.</summary>
    public const string Scheme = "session";

    /// <summary>The address to which the issuer sends browsers back.</summary>
    public const string Callback = "/v1/session/callback";

    /// <summary>The claim with the proof that a sender gave: a key, a certificate's account, an issuer. A session ends with it.</summary>
    public const string ProofClaim = "proof";

    /// <summary>The cookie's name.</summary>
    public const string Cookie = "inverse-session";

    /// <summary>The authentication scheme of the code flow, and the kind of proofs that are an issuer's.</summary>
    public const string Issuer = "issuer";

    private const string KeysFolder = "session-keys", SessionClaim = "session";

    private static readonly TimeSpan Lasts = TimeSpan.FromHours(8);

    /// <summary>True where a request has a session's cookie, and no page of another address sent it.</summary>
    public static bool IsIn(HttpContext http) => http.Request.Cookies.ContainsKey(Cookie) && CrossSiteRule.IsOwn(http.Request);

    /// <summary>Adds the cookie, and the code flow where the service is a client of the issuer.</summary>
    public static void AddSessions(this AuthenticationBuilder authentication, OidcOptions oidc, bool isOpen)
    {
        IDataProtectionBuilder protection = authentication.Services.AddDataProtection().SetApplicationName(nameof(InverseSolver));
        if (isOpen)
        {
            // Nobody signs in: nothing is written.
            protection.UseEphemeralDataProtectionProvider();
        }
        else
        {
            authentication.Services.AddOptions<KeyManagementOptions>().Configure<IOptions<JobOptions>, ILoggerFactory>((keys, jobs, log) =>
            {
                string folder = Path.Combine(jobs.Value.DataFolder, KeysFolder);
                JobFolder.Create(folder);
                keys.XmlRepository = new FileSystemXmlRepository(new DirectoryInfo(folder), log);
            });
        }

        authentication.AddCookie(Scheme, session =>
        {
            (session.Cookie.Name, session.Cookie.HttpOnly, session.Cookie.SameSite) = (Cookie, true, SameSiteMode.Strict);
            session.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            (session.ExpireTimeSpan, session.SlidingExpiration) = (Lasts, false);
            session.Events.OnValidatePrincipal = static context =>
            {
                if (!IsValid(context.Principal!, context.HttpContext.RequestServices)) context.RejectPrincipal();
                return Task.CompletedTask;
            };
        });
        if (oidc is not { IsOn: true, ClientId: { } client }) return;
        authentication.AddOpenIdConnect(Issuer, flow =>
        {
            (flow.Authority, flow.RequireHttpsMetadata, flow.MapInboundClaims) = (oidc.Authority, oidc.RequireHttps, false);
            (flow.ClientId, flow.ClientSecret, flow.SignInScheme) = (client, oidc.ClientSecret, Scheme);
            (flow.BackchannelTimeout, flow.BackchannelHttpHandler) = (OidcOptions.Patience, OidcOptions.NewHandler());
            (flow.ResponseType, flow.ResponseMode, flow.CallbackPath) = ("code", "query", Callback);
            // The way back is one from another site, and has no cookie that is strict.
            (flow.NonceCookie.SameSite, flow.CorrelationCookie.SameSite) = (SameSiteMode.Lax, SameSiteMode.Lax);
            (flow.NonceCookie.SecurePolicy, flow.CorrelationCookie.SecurePolicy) = (CookieSecurePolicy.SameAsRequest, CookieSecurePolicy.SameAsRequest);
            flow.Scope.Clear();
            foreach (string scope in oidc.SignInScopes.Split(' ', StringSplitOptions.RemoveEmptyEntries)) flow.Scope.Add(scope);
            flow.Events.OnTokenValidated = context =>
            {
                Account account = Authentication.AccountOf(context.Principal!, oidc);
                context.Principal = PrincipalOf(account, ProofOf(Issuer, oidc.Authority!));
                // The audit trail names it.
                context.HttpContext.User = context.Principal;
                context.Properties!.ExpiresUtc = DateTimeOffset.UtcNow + Lasts;
                return Task.CompletedTask;
            };
            flow.Events.OnRemoteFailure = static context => throw context.Failure as RequestException ?? new RequestException(
                StatusCodes.Status401Unauthorized, "signInFailed", null,
                "The issuer did not confirm who you are, or the sign-in took too long: sign in again.");
        });
    }

    /// <summary>Maps the endpoints.</summary>
    public static void MapSessions(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder session = app.MapGroup("/v1/session").WithTags("Session");
        session.MapPost("", SignIn).WithName("signIn").RequireAuthorization()
            .ProducesErrors().Produces<ApiError>(StatusCodes.Status401Unauthorized, ApiError.ContentType);
        session.MapGet("", Read).WithName("getSession").AllowAnonymous().ProducesErrors();
        session.MapDelete("", (Delegate)SignOut).WithName("signOut").AllowAnonymous().ProducesErrors();
        session.MapGet("issuer", GoToIssuer).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>Signs a browser in.</summary>
    /// <remarks>
    /// Send the key, token or certificate as with any request; the answer sets a cookie in place of it, which scripts of pages cannot read. It lasts eight
    /// hours at most, and ends with the key or token that it was made with. People whose accounts are an issuer's open `/v1/session/issuer` in the browser
    /// instead.
    /// </remarks>
    /// <response code="200">The session.</response>
    private static async Task<Ok<Session>> SignIn(HttpContext http, [FromServices] IOptions<OidcOptions> oidc)
    {
        Account account = http.Account();
        DateTimeOffset end = DateTimeOffset.UtcNow + Lasts;
        if (account.IsAnonymous) return TypedResults.Ok(SessionOf(account, null, oidc.Value));
        AuthenticateResult proof = await http.AuthenticateAsync();
        if (proof.Properties?.ExpiresUtc is { } earlier && earlier < end) end = earlier;
        await http.SignInAsync(Scheme, PrincipalOf(account, http.User.FindFirstValue(ProofClaim)!), new AuthenticationProperties { ExpiresUtc = end });
        return TypedResults.Ok(SessionOf(account, end, oidc.Value));
    }

    /// <summary>Says who a request comes from.</summary>
    /// <remarks>Whoever has proved nothing is told so, and how to sign in.</remarks>
    /// <response code="200">The account, or none.</response>
    private static async Task<Ok<Session>> Read(HttpContext http, [FromServices] IOptions<OidcOptions> oidc) => TypedResults.Ok(
        http.User.Identity?.IsAuthenticated == true ? SessionOf(http.Account(), (await http.AuthenticateAsync()).Properties?.ExpiresUtc, oidc.Value)
            : new Session(null, "", [], null, WayOf(oidc.Value)));

    /// <summary>Signs a browser out.</summary>
    /// <remarks>The session ends, and its cookie is deleted. Keys stay as they are.</remarks>
    /// <response code="204">Signed out.</response>
    private static async Task<NoContent> SignOut(HttpContext http, [FromServices] JobDatabase database)
    {
        if (http.User.FindFirstValue(SessionClaim) is { } session)
        {
            long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            database.Write(connection => connection.Execute(
                "DELETE FROM ended_sessions WHERE expires < @now; INSERT OR IGNORE INTO ended_sessions (id, expires) VALUES (@session, @expires)",
                new { session, now, expires = now + (long)Lasts.TotalMilliseconds }));
        }

        await http.SignOutAsync(Scheme);
        return TypedResults.NoContent();
    }

    // For browsers only: the issuer's page, and back to one of this service.
    private static ChallengeHttpResult GoToIssuer([FromServices] IOptions<OidcOptions> oidc, string to = "/") =>
        WayOf(oidc.Value) is null ? throw RequestException.NotFound("issuer: Oidc:ClientId is not set")
        : to.Length > 1000 || to is not ['/', ..] || to is [_, '/' or '\\', ..] || to.Any(char.IsControl) ? throw new RequestException(
            StatusCodes.Status400BadRequest, "invalidValue", "to", "The page to come back to must be one of this service, as /swagger.")
        : TypedResults.Challenge(new AuthenticationProperties { RedirectUri = to }, [Issuer]);

    /// <summary>A proof as a claim says it.</summary>
    public static string ProofOf(string kind, string what) => $"{kind} {what}";

    private static ClaimsPrincipal PrincipalOf(Account account, string proof)
    {
        ClaimsPrincipal principal = account.ToPrincipal(Scheme, proof);
        ((ClaimsIdentity)principal.Identity!).AddClaim(new Claim(SessionClaim, $"{Guid.NewGuid():N}"));
        return principal;
    }

    // As long as what it was made with still gives the account that it gave, and nobody signed out.
    private static bool IsValid(ClaimsPrincipal user, IServiceProvider services)
    {
        using SqliteConnection connection = services.GetRequiredService<JobDatabase>().Open();
        string? session = user.FindFirstValue(SessionClaim);
        if (connection.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM ended_sessions WHERE id = @session)", new { session })) return false;
        Account account = Account.Of(user);
        return user.FindFirstValue(ProofClaim)?.Split(' ', 2) switch
        {
            [ApiKeys.Proof, var id] => services.GetRequiredService<ApiKeys>().IsValid(id),
            [ClientCertificate.Proof, var name] =>
                services.GetRequiredService<IOptions<ClientCertificateOptions>>().Value.Accounts.TryGetValue(name, out ClientCertificate? rule)
                    && rule.Tenant == account.Tenant && rule.ScopeSet.SetEquals(account.Scopes),
            [Issuer, var authority] => services.GetRequiredService<IOptions<OidcOptions>>().Value.Authority == authority,
            _ => false,
        };
    }

    private static Session SessionOf(Account account, DateTimeOffset? end, OidcOptions oidc) =>
        new(account.Name, account.Tenant, [.. Scope.All.Where(account.Scopes.Contains)], end, WayOf(oidc));

    private static string? WayOf(OidcOptions oidc) => oidc is { IsOn: true, ClientId: not null } ? "/v1/session/issuer" : null;
}

/// <summary>The sender of a request.</summary>
/// <param name="Account">The account's name; null where the request does not say who sends it.</param>
/// <param name="Tenant">The account's tenant; empty where there is only one.</param>
/// <param name="Scopes">The scopes that it has: <c>read</c>, <c>submit</c>, <c>tenant</c>, <c>admin</c>.</param>
/// <param name="Expires">The time at which the session, key or token ends; null where it has no end.</param>
/// <param name="Issuer">The address at which a browser signs in at the issuer, with the page to come back to as <c>?to=</c>; null where there is none.</param>
internal sealed record Session(string? Account, string Tenant, IReadOnlyList<string> Scopes, DateTimeOffset? Expires, string? Issuer);
