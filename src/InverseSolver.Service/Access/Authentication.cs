using System.Security.Authentication;
using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text.Encodings.Web;
using System.Text.RegularExpressions;
using InverseSolver.Service.Audit;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Certificate;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace InverseSolver.Service.Access;

/// <summary>
/// The ways in which a request says who sends it: a key, a bearer token of an OpenID Connect issuer, a client certificate. Where none of them is configured,
/// whoever reaches the service is an account with all scopes.
/// </summary>
internal static partial class Authentication
{
    // The object identifier of the attribute CN.
    private const string CommonName = "2.5.4.3";

    private const string Chosen = "chosen", Bearer = JwtBearerDefaults.AuthenticationScheme;

    private const string Certificate = CertificateAuthenticationDefaults.AuthenticationScheme;

    /// <summary>Adds authentication, the scopes as policies, and the rate of each account.</summary>
    public static void AddAccess(this WebApplicationBuilder builder)
    {
        IServiceCollection services = builder.Services;
        OidcOptions oidc = Section<OidcOptions>(builder.Configuration, OidcOptions.Section);
        ClientCertificateOptions certificates = Section<ClientCertificateOptions>(builder.Configuration, ClientCertificateOptions.Section);
        bool isOpen = !IsConfigured(builder.Configuration);
        services.AddOptions<AccessOptions>().BindConfiguration(AccessOptions.Section);
        services.AddSingleton<ApiKeys>();
        services.AddOptions<AuditOptions>().BindConfiguration(AuditOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<AuditOptions>, AuditOptionsValidator>().AddSingleton<AuditTrail>();
        CallerOptions.CheckWeights(builder.Configuration);
        oidc.Check();
        certificates.Check();
        services.AddOptions<OidcOptions>().BindConfiguration(OidcOptions.Section);
        services.AddOptions<ClientCertificateOptions>().BindConfiguration(ClientCertificateOptions.Section);
        services.AddSingleton<EventTickets>().AddSingleton<Quotas>();
        services.AddRates();
        services.AddOrigins(builder.Configuration);
        services.AddProxies(builder.Configuration);
        AuthenticationBuilder authentication = services.AddAuthentication(Chosen)
            .AddPolicyScheme(Chosen, null, chosen => chosen.ForwardDefaultSelector = http => SchemeOf(http, oidc.IsOn, certificates.Accounts.Count > 0, isOpen))
            .AddScheme<AuthenticationSchemeOptions, KeyHandler>(KeyHandler.Scheme, null)
            .AddScheme<AuthenticationSchemeOptions, EventTickets.Handler>(EventTickets.Scheme, null)
            .AddScheme<AuthenticationSchemeOptions, OpenHandler>(OpenHandler.Scheme, null);
        authentication.AddSessions(oidc, isOpen);
        if (oidc.IsOn)
        {
            authentication.AddJwtBearer(Bearer, token =>
            {
                (token.Authority, token.Audience, token.RequireHttpsMetadata, token.MapInboundClaims) =
                    (oidc.Authority, oidc.Audience, oidc.RequireHttps, false);
                token.TokenValidationParameters.ValidAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
                // An unknown key is looked for at the issuer, this often at most: after a change of keys for seconds tokens may be refused.
                token.RefreshInterval = TimeSpan.FromSeconds(5);
                token.AutomaticRefreshInterval = TimeSpan.FromMinutes(5);
                (token.BackchannelTimeout, token.BackchannelHttpHandler) = (OidcOptions.Patience, OidcOptions.NewHandler());
                token.TokenValidationParameters.ClockSkew = TimeSpan.FromSeconds(30);
                token.Events = new JwtBearerEvents { OnTokenValidated = context => Named(context, oidc), OnAuthenticationFailed = Reachable };
            });
            // A key that the issuer withdrew is withdrawn.
            services.PostConfigure<JwtBearerOptions>(
                Bearer, static token => ((BaseConfigurationManager)token.ConfigurationManager!).UseLastKnownGoodConfiguration = false);
        }

        if (certificates.Accounts.Count > 0)
        {
            authentication.AddCertificate(Certificate, options =>
            {
                (options.AllowedCertificateTypes, options.RevocationMode) = (CertificateTypes.All, X509RevocationMode.NoCheck);
                options.ChainTrustValidationMode = X509ChainTrustMode.CustomRootTrust;
                if (certificates.Authorities is { } authorities) options.CustomTrustStore.ImportFromPemFile(authorities);
                options.Events = new CertificateAuthenticationEvents { OnCertificateValidated = context => Named(context, certificates) };
            });
        }

        // One call: a second one would take the place of the first.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https =>
        {
            https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
            if (certificates.Accounts.Count == 0) return;
            // The handler above decides, so that a refusal is an answer and no broken connection.
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
        }));

        AuthorizationBuilder policies = services.AddAuthorizationBuilder();
        foreach (string scope in Scope.All) policies.AddPolicy(scope, policy => policy.RequireAuthenticatedUser().RequireClaim(Account.ScopeClaim, scope));
        // An endpoint that says nothing is for whoever may read.
        policies.SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireClaim(Account.ScopeClaim, Scope.Read).Build());
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, Refusal>();
    }

    /// <summary>True where a request must say who sends it.</summary>
    public static bool IsConfigured(IConfiguration configuration) =>
        Section<AccessOptions>(configuration, AccessOptions.Section).Keys || Section<OidcOptions>(configuration, OidcOptions.Section).IsOn
            || Section<ClientCertificateOptions>(configuration, ClientCertificateOptions.Section).Accounts.Count > 0;

    private static T Section<T>(IConfiguration configuration, string name)
        where T : new() => configuration.GetSection(name).Get<T>() ?? new T();

    private static string SchemeOf(HttpContext http, bool takesTokens, bool takesCertificates, bool isOpen) =>
        ApiKeys.Of(http) is not null ? KeyHandler.Scheme
        : takesTokens && http.Request.Headers.Authorization.ToString().StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? Bearer
        : takesCertificates && http.Connection.ClientCertificate is not null ? Certificate
        : isOpen ? OpenHandler.Scheme
        : EventTickets.IsIn(http) ? EventTickets.Scheme
        : Sessions.IsIn(http) ? Sessions.Scheme
        : KeyHandler.Scheme;

    /// <summary>The account that a token of the issuer stands for.</summary>
    /// <exception cref="RequestException">It has no name.</exception>
    public static Account AccountOf(ClaimsPrincipal token, OidcOptions oidc)
    {
        if (token.FindFirst(oidc.AccountClaim)?.Value is not { Length: > 0 and <= 200 } name)
        {
            throw new RequestException(
                StatusCodes.Status401Unauthorized, "invalidToken", "Authorization", $"The token has no claim '{oidc.AccountClaim}'.");
        }

        // One claim with words, or a list of them; those of the issuer's other services are left out.
        IEnumerable<string> words = token.FindAll(oidc.ScopeClaim).SelectMany(claim => claim.Value.Split(' '));
        string[] scopes = [.. words.Where(word => word.StartsWith(oidc.ScopePrefix, StringComparison.Ordinal)).Select(word => word[oidc.ScopePrefix.Length..])];
        string tenant = "";
        if (oidc.TenantClaim is { } claim && (tenant = token.FindFirst(claim)?.Value ?? "") is not { Length: > 0 and <= 200 })
        {
            // It would share a tenant with all others that have none.
            throw new RequestException(StatusCodes.Status401Unauthorized, "invalidToken", "Authorization", $"The token has no claim '{claim}'.");
        }

        return new Account(Escaped(name), Escaped(tenant), Scope.All.Intersect(scopes).ToHashSet());
    }

    /// <summary>The result of a proof that is accepted, or refused with an error of the API.</summary>
    /// <param name="prove">Reads the proof.</param>
    public static AuthenticateResult ResultOf(Func<AuthenticationTicket> prove)
    {
        try
        {
            return AuthenticateResult.Success(prove());
        }
        catch (RequestException refused)
        {
            return AuthenticateResult.Fail(refused);
        }
    }

    private static Task Named(TokenValidatedContext context, OidcOptions oidc)
    {
        try
        {
            context.Principal = AccountOf(context.Principal!, oidc).ToPrincipal(Bearer, Sessions.ProofOf(Sessions.Issuer, oidc.Authority!));
        }
        catch (RequestException refused)
        {
            context.Fail(refused);
        }

        return Task.CompletedTask;
    }

    // Without the issuer's keys no token can be verified, and none is wrong.
    private static async Task Reachable(AuthenticationFailedContext context)
    {
        try
        {
            await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted);
        }
        catch (InvalidOperationException)
        {
            IssuerIsSilent(context.HttpContext.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Authentication)));
            context.Fail(new RequestException(
                StatusCodes.Status503ServiceUnavailable, "issuerUnavailable", null,
                "The issuer's keys cannot be read, so that no token can be verified: send the request again later.")
            {
                RetryAfter = TimeSpan.FromSeconds(30),
            });
        }
    }

    [LoggerMessage(3007, LogLevel.Warning, "The issuer's configuration or keys cannot be read (Oidc:Authority): no token can be verified")]
    private static partial void IssuerIsSilent(ILogger log);

    private static Task Named(CertificateValidatedContext context, ClientCertificateOptions certificates)
    {
        X509Certificate2 sent = context.ClientCertificate;
        (string name, ClientCertificate? rule) = certificates.Accounts.FirstOrDefault(one => one.Value.Fits(sent));
        if (rule is null)
        {
            context.Fail(new RequestException(
                StatusCodes.Status401Unauthorized, "unknownCertificate", null,
                "The client certificate belongs to no account: its thumbprint or issuer must be named by ClientCertificates."));
            return Task.CompletedTask;
        }

        string account = rule.Thumbprint is not null ? name : sent.SubjectName.EnumerateRelativeDistinguishedNames()
            .FirstOrDefault(part => !part.HasMultipleElements && part.GetSingleElementType().Value == CommonName)?.GetSingleElementValue() ?? "";
        if (string.IsNullOrWhiteSpace(account))
        {
            context.Fail(new RequestException(
                StatusCodes.Status401Unauthorized, "unknownCertificate", null, "The client certificate has no name (CN), which its account would have."));
            return Task.CompletedTask;
        }

        context.Principal = new Account(Escaped(account), rule.Tenant, rule.ScopeSet).ToPrincipal(Certificate, Sessions.ProofOf(ClientCertificate.Proof, name));
        context.Success();
        return Task.CompletedTask;
    }

    // A slash stands between tenant and name, names in brackets are the service's own, and a name is a part of a line.
    private static string Escaped(string name) => Outside().Replace(name, static found => Uri.HexEscape(found.Value[0]));

    [GeneratedRegex("[%/\\[\\]\\x00-\\x20\\x7f-\\xa0]")]
    private static partial Regex Outside();

    /// <summary>Answers those who may not with an error of the API.</summary>
    private sealed class Refusal : IAuthorizationMiddlewareResultHandler
    {
        public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
        {
            if (authorizeResult.Succeeded)
            {
                await next(context);
                return;
            }

            if (authorizeResult.Forbidden)
            {
                string scope = policy.Requirements.OfType<Microsoft.AspNetCore.Authorization.Infrastructure.ClaimsAuthorizationRequirement>()
                    .SelectMany(claim => claim.AllowedValues ?? []).FirstOrDefault() ?? Scope.Read;
                throw new RequestException(
                    StatusCodes.Status403Forbidden, "missingScope", null, $"This needs the scope '{scope}', which the account does not have.");
            }

            throw (await context.AuthenticateAsync(Chosen)).Failure switch
            {
                RequestException known => known,
                { } when Sessions.IsIn(context) => new RequestException(
                    StatusCodes.Status401Unauthorized, "sessionEnded", null, "The session has ended, or its key was revoked: sign in again."),
                SecurityTokenNotYetValidException => Invalid("The token is not valid yet: compare the clocks of its issuer and this service."),
                SecurityTokenExpiredException => Invalid("The token has expired: get a new one from its issuer."),
                SecurityTokenInvalidAudienceException => Invalid("The token is for another service (its claim 'aud')."),
                SecurityTokenInvalidIssuerException => Invalid("The token is of another issuer (its claim 'iss')."),
                { } => Invalid("The token cannot be verified: its form, signature or issuer is wrong."),
                null => new RequestException(
                    StatusCodes.Status401Unauthorized, "unauthenticated", null,
                    "The request does not say who sends it: send a key as X-API-Key, or a token as Authorization: Bearer."),
            };
        }

        private static RequestException Invalid(string text) => new(StatusCodes.Status401Unauthorized, "invalidToken", "Authorization", text);
    }

    /// <summary>Takes everybody, where nobody has to say who they are.</summary>
    private sealed class OpenHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory log, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, log, encoder)
    {
        internal new const string Scheme = "open";

        protected override Task<AuthenticateResult> HandleAuthenticateAsync() =>
            Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(Account.At(Context).ToPrincipal(Scheme), Scheme)));
    }

    /// <summary>Keys of <see cref="ApiKeys"/>.</summary>
    private sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory log, UrlEncoder encoder, ApiKeys keys)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, log, encoder)
    {
        internal new const string Scheme = "key";

        protected override Task<AuthenticateResult> HandleAuthenticateAsync() =>
            Task.FromResult(ApiKeys.Of(Context) is { } key ? ResultOf(() => keys.TicketOf(key, Scheme)) : AuthenticateResult.NoResult());
    }
}

/// <summary>Tokens of an OpenID Connect issuer.</summary>
internal sealed class OidcOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Oidc";

    /// <summary>The issuer's address, under which its configuration and keys are; absent: no tokens are taken.</summary>
    public string? Authority { get; init; }

    /// <summary>The audience (<c>aud</c>) of tokens for this service.</summary>
    public string Audience { get; init; } = "inverse-solver";

    /// <summary>The claim with the account's name.</summary>
    public string AccountClaim { get; init; } = JwtRegisteredClaimNames.Sub;

    /// <summary>The claim with the tenant; absent: there is only one.</summary>
    public string? TenantClaim { get; init; }

    /// <summary>The claim with the scopes, words with spaces between them or a list.</summary>
    public string ScopeClaim { get; init; } = "scope";

    /// <summary>The beginning of this service's scopes among those of others, for example <c>inverse.</c></summary>
    public string ScopePrefix { get; init; } = "";

    /// <summary>The client that this service is at the issuer, for people who sign in with a browser; absent: they cannot.</summary>
    public string? ClientId { get; init; }

    /// <summary>The client's secret; absent where the issuer asks for none.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>The scopes that a browser's sign-in asks the issuer for, with spaces between them. The ID token must have the account's claims.</summary>
    public string SignInScopes { get; init; } = "openid";

    /// <summary>True where the issuer must be reached by https.</summary>
    public bool RequireHttps { get; init; } = true;

    /// <summary>Refuses what could not work.</summary>
    /// <exception cref="StartRefusedException">An option has no valid value.</exception>
    public void Check()
    {
        if (!IsOn)
        {
            if (ClientId is not null || ClientSecret is not null)
                throw new StartRefusedException("Oidc:ClientId and Oidc:ClientSecret need Oidc:Authority.", 2);
            return;
        }

        if (!Uri.TryCreate(Authority, UriKind.Absolute, out Uri? address) || address.Scheme != Uri.UriSchemeHttps && address.Scheme != Uri.UriSchemeHttp)
            throw new StartRefusedException($"Oidc:Authority: {Authority} is not an address; https://issuer.example.org is one.", 2);
        if (RequireHttps && address.Scheme != Uri.UriSchemeHttps)
            throw new StartRefusedException($"Oidc:Authority: {Authority} is not https; Oidc:RequireHttps=false lets it be http, for trying.", 2);
        if (Audience.Length == 0) throw new StartRefusedException("Oidc:Audience must not be empty: tokens for other services would be taken.", 2);
        if (ClientSecret is not null && ClientId is null) throw new StartRefusedException("Oidc:ClientSecret needs Oidc:ClientId.", 2);
    }

    /// <summary>The time in which the issuer must have answered.</summary>
    internal static TimeSpan Patience { get; } = TimeSpan.FromSeconds(10);

    /// <summary>The connections to the issuer: only its own address is called, and no other that it names by a redirect.</summary>
    internal static HttpMessageHandler NewHandler() => new SocketsHttpHandler { AllowAutoRedirect = false };

    /// <summary>True where tokens are taken.</summary>
    public bool IsOn => !string.IsNullOrEmpty(Authority);
}

/// <summary>Client certificates and their accounts.</summary>
internal sealed class ClientCertificateOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "ClientCertificates";

    /// <summary>A file (PEM) with the authorities whose certificates are taken; absent: none but those of themselves.</summary>
    public string? Authorities { get; init; }

    /// <summary>Accounts by name; that of an issuer's certificates is the name in the certificate (CN).</summary>
    public IReadOnlyDictionary<string, ClientCertificate> Accounts { get; init; } = new Dictionary<string, ClientCertificate>();

    /// <summary>Refuses what could not work.</summary>
    /// <exception cref="StartRefusedException">An option has no valid value.</exception>
    public void Check()
    {
        if (Authorities is not null && !File.Exists(Authorities))
            throw new StartRefusedException($"ClientCertificates:Authorities: there is no file {Authorities}.", 2);
        foreach ((string name, ClientCertificate account) in Accounts)
        {
            string? fault = account switch
            {
                { Thumbprint: null, Issuer: null } or { Thumbprint: not null, Issuer: not null } => "it needs a Thumbprint or an Issuer, and not both",
                { Thumbprint: { } hash } when hash.Replace(":", "", StringComparison.Ordinal) is not { Length: 64 } digits
                    || !digits.All(char.IsAsciiHexDigit) =>
                    "Thumbprint must be the certificate's SHA-256, 64 hexadecimal digits",
                { Issuer: not null } when Authorities is null => "an Issuer needs ClientCertificates:Authorities, the file with its certificate",
                _ when account.ScopeSet.Count == 0 || !account.ScopeSet.IsSubsetOf(Scope.All) => $"Scopes must be of {string.Join(", ", Scope.All)}",
                _ => null,
            };
            if (fault is not null) throw new StartRefusedException($"ClientCertificates:Accounts:{name}: {fault}.", 2);
        }
    }
}

/// <summary>The certificates of an account, or of all accounts of an issuer.</summary>
internal sealed class ClientCertificate
{
    /// <summary>SHA-256 of the certificate, hexadecimal; colons are left out.</summary>
    public string? Thumbprint { get; init; }

    /// <summary>The issuer's name as it stands in the certificate, for example <c>CN=Hospital CA</c>.</summary>
    public string? Issuer { get; init; }

    /// <summary>The tenant.</summary>
    public string Tenant { get; init; } = "";

    /// <summary>The scopes, with spaces between them.</summary>
    public string Scopes { get; init; } = "read submit";

    /// <summary>The kind of proofs that are certificates.</summary>
    public const string Proof = "certificate";

    /// <summary>The scopes.</summary>
    public IReadOnlySet<string> ScopeSet => Scopes.Split(' ', StringSplitOptions.RemoveEmptyEntries).ToHashSet();

    /// <summary>True where a certificate is one of these.</summary>
    public bool Fits(X509Certificate2 certificate) => Thumbprint is { } thumbprint
        ? certificate.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256)
            .Equals(thumbprint.Replace(":", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase)
        : Issuer is { } issuer && certificate.Issuer == issuer
            // One that signed itself may call its issuer as it likes; any other was verified up to an authority.
            && certificate.Subject != certificate.Issuer;
}
