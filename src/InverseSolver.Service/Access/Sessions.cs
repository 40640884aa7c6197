using System.Security.Claims;
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

    /// <summary>The cookie's name.</summary>
    public const string Cookie = "inverse-session";

    private const string Issuer = "issuer", KeysFolder = "session-keys";

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
                string? key = context.Principal!.FindFirstValue(ApiKeys.IdClaim);
                if (key is not null && !context.HttpContext.RequestServices.GetRequiredService<ApiKeys>().IsValid(key)) context.RejectPrincipal();
                return Task.CompletedTask;
            };
        });
        if (oidc is not { IsOn: true, ClientId: { } client }) return;
        authentication.AddOpenIdConnect(Issuer, flow =>
        {
            (flow.Authority, flow.RequireHttpsMetadata, flow.MapInboundClaims) = (oidc.Authority, oidc.RequireHttps, false);
            (flow.ClientId, flow.ClientSecret, flow.SignInScheme) = (client, oidc.ClientSecret, Scheme);
            (flow.BackchannelTimeout, flow.BackchannelHttpHandler) = (OidcOptions.Patience, OidcOptions.NewHandler());
            (flow.ResponseType, flow.ResponseMode, flow.CallbackPath) = ("code", "query", "/v1/session/callback");
            // The way back is one from another site, and has no cookie that is strict.
            (flow.NonceCookie.SameSite, flow.CorrelationCookie.SameSite) = (SameSiteMode.Lax, SameSiteMode.Lax);
            (flow.NonceCookie.SecurePolicy, flow.CorrelationCookie.SecurePolicy) = (CookieSecurePolicy.SameAsRequest, CookieSecurePolicy.SameAsRequest);
            flow.Scope.Clear();
            foreach (string scope in oidc.SignInScopes.Split(' ', StringSplitOptions.RemoveEmptyEntries)) flow.Scope.Add(scope);
            flow.Events.OnTokenValidated = context =>
            {
                context.Principal = Authentication.AccountOf(context.Principal!, oidc).ToPrincipal(Scheme);
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
        ClaimsPrincipal principal = account.ToPrincipal(Scheme);
        if (http.User.FindFirst(ApiKeys.IdClaim) is { } key) ((ClaimsIdentity)principal.Identity!).AddClaim(key.Clone());
        await http.SignInAsync(Scheme, principal, new AuthenticationProperties { ExpiresUtc = end });
        return TypedResults.Ok(SessionOf(account, end, oidc.Value));
    }

    /// <summary>Says who a request comes from.</summary>
    /// <remarks>Whoever has proved nothing is told so, and how to sign in.</remarks>
    /// <response code="200">The account, or none.</response>
    private static async Task<Ok<Session>> Read(HttpContext http, [FromServices] IOptions<OidcOptions> oidc) => TypedResults.Ok(
        http.User.Identity?.IsAuthenticated == true ? SessionOf(http.Account(), (await http.AuthenticateAsync()).Properties?.ExpiresUtc, oidc.Value)
            : new Session(null, "", [], null, WayOf(oidc.Value)));

    /// <summary>Signs a browser out.</summary>
    /// <remarks>Its cookie is deleted. Keys stay as they are.</remarks>
    /// <response code="204">Signed out.</response>
    private static async Task<NoContent> SignOut(HttpContext http)
    {
        await http.SignOutAsync(Scheme);
        return TypedResults.NoContent();
    }

    // For browsers only: the issuer's page, and back to one of this service.
    private static ChallengeHttpResult GoToIssuer([FromServices] IOptions<OidcOptions> oidc, string to = "/") =>
        WayOf(oidc.Value) is null ? throw RequestException.NotFound("issuer: Oidc:ClientId is not set")
        : to.Length > 1000 || to is not ['/', ..] || to is [_, '/' or '\\', ..] || to.Any(char.IsControl) ? throw new RequestException(
            StatusCodes.Status400BadRequest, "invalidValue", "to", "The page to come back to must be one of this service, as /swagger.")
        : TypedResults.Challenge(new AuthenticationProperties { RedirectUri = to }, [Issuer]);

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
