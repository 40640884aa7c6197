using InverseSolver.Service.Access;
using Microsoft.Extensions.Configuration;

namespace InverseSolver.ServiceTests;

/// <summary>Keys of the configuration that nobody reads.</summary>
public sealed class ConfigurationKeyTests
{
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
