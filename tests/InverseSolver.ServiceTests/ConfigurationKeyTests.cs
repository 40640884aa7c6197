using InverseSolver.Service.Access;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;

namespace InverseSolver.ServiceTests;

/// <summary>Keys of the configuration that nobody reads.</summary>
public sealed class ConfigurationKeyTests
{
    private const string Hash = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";

    [Theory]
    [InlineData("Jobs:QueueCapcity", "10", "Jobs:QueueCapcity is not an option of the service; those of Jobs are DataFolder, QueueCapacity, ")]
    [InlineData(
        "Access:AllowAnonymus", "true",
        "Access:AllowAnonymus is not an option of the service; those of Access are AllowAnonymous, Keys, Origins, Proxies, Swagger.")]
    [InlineData("models:folder", "/models", "models:folder is not an option of the service; those of models are Folders, ")]
    [InlineData("Models:Folders", "/models", "Models:Folders is not a single value: Models:Folders:0 is the first of its list.")]
    [InlineData("Models:Precisions", "float16", "Models:Precisions is not a single value: Models:Precisions:NAME ")]
    [InlineData("Jobs:Lease:Seconds", "60", "Jobs:Lease:Seconds is not an option of the service; Jobs:Lease is a single value.")]
    [InlineData("Formats:Limits", "1", "Formats:Limits is not an option of the service; those of Formats are MemoryBytes, Seconds, Elements, Processes.")]
    [InlineData("Limts:FileBytes", "1000000", "Limts:FileBytes is not an option of the service: the section is called Limits.")]
    [InlineData("Modles:Device", "cpu", "Modles:Device is not an option of the service: the section is called Models.")]
    [InlineData("job:Nice", "1", "job:Nice is not an option of the service: the section is called Jobs.")]
    [InlineData("Operatorss:Folder", "/x", "Operatorss:Folder is not an option of the service: the section is called Operators.")]
    public void A_misspelt_key_is_refused_by_name(string key, string value, string text)
    {
        StartRefusedException refused = Assert.Throws<StartRefusedException>(() => ConfigurationKeys.Check(Of((key, value))));
        Assert.StartsWith(text, refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, refused.ExitCode);
    }

    [Theory]
    [InlineData("Oidc:Authority: issuer is not an address", "Oidc:Authority=issuer")]
    [InlineData("Oidc:Authority: http://issuer.example is not https", "Oidc:Authority=http://issuer.example")]
    [InlineData("Oidc:Audience must not be empty", "Oidc:Authority=https://issuer.example", "Oidc:Audience=")]
    [InlineData("Oidc:ClientId and Oidc:ClientSecret need Oidc:Authority", "Oidc:ClientId=web")]
    [InlineData("Oidc:ClientSecret needs Oidc:ClientId", "Oidc:Authority=https://issuer.example", "Oidc:ClientSecret=x")]
    [InlineData("ClientCertificates:Accounts:a: it needs a Thumbprint or an Issuer", "ClientCertificates:Accounts:a:Tenant=east")]
    [InlineData("ClientCertificates:Accounts:a: Thumbprint must be", "ClientCertificates:Accounts:a:Thumbprint=abc")]
    [InlineData("ClientCertificates:Accounts:a: an Issuer needs", "ClientCertificates:Accounts:a:Issuer=CN=CA")]
    [InlineData(
        "ClientCertificates:Accounts:a: Scopes must be of", "ClientCertificates:Accounts:a:Thumbprint=" + Hash,
        "ClientCertificates:Accounts:a:Scopes=read root")]
    [InlineData("ClientCertificates:Authorities: there is no file", "ClientCertificates:Authorities=/none.pem")]
    [InlineData("Callers:Weights:a must be a number", "Callers:Weights:a=NaN")]
    [InlineData("Callers:Weights:a must be a number", "Callers:Weights:a=0")]
    [InlineData("Callers:Weights:a must be a number", "Callers:Weights:a=0,5")]
    [InlineData("Access:Origins: https://a.example/ is not an origin", "Access:Origins=https://b.example;https://a.example/")]
    [InlineData("Access:Proxies: proxy is neither an address nor a network", "Access:Proxies=10.0.0.0/8;proxy")]
    public void What_could_not_work_is_refused_by_name(string text, params string[] settings)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(
            settings.Select(setting => setting.Split('=', 2)).Select(parts => KeyValuePair.Create(parts[0], (string?)parts[1])));
        StartRefusedException refused = Assert.Throws<StartRefusedException>(builder.AddAccess);
        Assert.StartsWith(text, refused.Message, StringComparison.Ordinal);
        Assert.Equal(2, refused.ExitCode);
    }

    [Theory]
    [InlineData("", false), InlineData("*", false), InlineData("localhost;*", false), InlineData("*.*", false), InlineData("[::]", false)]
    [InlineData("solver.example", true), InlineData("*.example;localhost", true)]
    public void Whoever_opens_the_service_names_its_hosts(string hosts, bool good)
    {
        IConfiguration open = Of(("urls", "http://0.0.0.0:1"), ("Access:AllowAnonymous", "true"), ("AllowedHosts", hosts));
        Assert.Equal(good, Record.Exception(() => ListenRule.Check(open)) is null);
    }

    [Fact]
    public void Keys_of_ours_and_of_others_pass() => ConfigurationKeys.Check(Of(
        ("jobs:queuecapacity", "10"), ("Jobs:Lease", "00:01:00"), ("Models:Folders:0", "/a"), ("Models:Folders:1", "/b"),
        ("Models:Precisions:my-model", "float16"), ("Models:Folders", ""),
        ("Kestrel:Endpoints:Web:Url", "http://localhost:1"), ("Logging:LogLevel:Default", "Information"), ("urls", "http://localhost:1"), ("JOBS", "4"),
        ("MODEL", "x"), ("PATH", "/bin"), ("Blobs:Folder", "x")));

    private static IConfiguration Of(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build();

    [Theory]
    [InlineData("--AllowedHost", false), InlineData("--url", false), InlineData("--DataFolder=/x", false), InlineData("--Jobs.DataFolder", false),
        InlineData("--help", false)]
    [InlineData("--urls", true), InlineData("--Jobs:DataFolder=/x", true), InlineData("--Kestrel:Endpoints:Http:Url", true),
        InlineData("--environment=Production", true), InlineData("/x", true)]
    public void An_argument_that_nobody_reads_is_refused_by_name(string argument, bool good)
    {
        if (good) ConfigurationKeys.CheckArguments([argument, "value"]);
        else
        {
            Assert.Contains(
                $"--{argument[2..].Split('=')[0]} is not an option of the service.",
                Assert.Throws<StartRefusedException>(() => ConfigurationKeys.CheckArguments([argument])).Message);
        }
    }

    [Theory]
    [InlineData("Limits_FileBytes", "(Limits__FileBytes)"), InlineData("MODELS_FOLDERS__0", "(MODELS__FOLDERS__0)"), InlineData("MODELS_DIR", null),
        InlineData("Jobs__DataFolder", null), InlineData("PATH", null)]
    public void A_variable_with_one_underscore_too_few_is_refused_by_name(string variable, string? words)
    {
        if (words is null) ConfigurationKeys.CheckEnvironment([variable]);
        else Assert.Contains(words, Assert.Throws<StartRefusedException>(() => ConfigurationKeys.CheckEnvironment([variable])).Message);
    }
}
