using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using InverseSolver.Cli;
using Xunit;

namespace InverseSolver.UnitTests.Cli;

/// <summary>Numbers on the command line mean the same in every language.</summary>
public sealed class NumberTests : IDisposable
{
    private readonly CultureInfo _before = CultureInfo.CurrentCulture;

    public NumberTests()
    {
        // As in German: a comma for decimals, a point for thousands.
        var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NumberGroupSeparator) = (",", ".");
        CultureInfo.CurrentCulture = german;
        Assert.Equal(0.5, double.Parse("0,5", NumberStyles.Float, null));
    }

    public void Dispose() => CultureInfo.CurrentCulture = _before;

    [Theory]
    [InlineData("0.01", 0.01), InlineData("0.18215", 0.18215), InlineData("1e-3", 0.001), InlineData("-2.5E+1", -25), InlineData("7", 7), InlineData(".5", 0.5)]
    public void A_number_has_a_decimal_point(string text, double value)
    {
        Option<double?> option = CliOptions.Number<double>("--sigma", "");
        Assert.Equal(value, Parse(option, "--sigma", text).GetValue(option));
        Option<double> withFallback = CliOptions.Number("--sigma", "", 3.0);
        Assert.Equal(value, Parse(withFallback, "--sigma", text).GetValue(withFallback));
        Assert.Equal(3.0, Parse(withFallback).GetValue(withFallback));
        Assert.Null(Parse(option).GetValue(option));
    }

    [Theory]
    [InlineData("0,01"), InlineData("0,18215"), InlineData("1,000.5"), InlineData("1.000,5"), InlineData("1,"), InlineData("")]
    [InlineData("NaN"), InlineData("Infinity"), InlineData("1e999"), InlineData("0x10"), InlineData("1 0"), InlineData("abc")]
    public void What_is_none_is_refused_in_one_sentence(string text)
    {
        string message = Assert.Single(Parse(CliOptions.Number<double>("--sigma", ""), "--sigma", text).Errors).Message;
        Assert.StartsWith("--sigma is a number", message, StringComparison.Ordinal);
        Assert.EndsWith($"not '{text}'.", message, StringComparison.Ordinal);
        Assert.Equal(text.Contains(',', StringComparison.Ordinal), message.Contains("with a decimal point, as in 0.01", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("1,000"), InlineData("1.000"), InlineData("1.0"), InlineData("8 "), InlineData("99999999999"), InlineData("eight")]
    public void A_whole_number_has_digits_only(string text)
    {
        Option<int> option = CliOptions.Number("--limit", "", 8);
        Assert.Equal($"--limit is a whole number, not '{text}'.", Assert.Single(Parse(option, "--limit", text).Errors).Message);
        Assert.Equal(-12, Parse(option, "--limit", "-12").GetValue(option));
    }

    [Fact]
    public void Several_numbers_stay_several()
    {
        Option<int[]> option = CliOptions.Numbers("--batches", "", [1, 2]);
        Assert.Equal([4, 8, 16], Parse(option, "--batches", "4", "8", "16").GetValue(option)!);
        Assert.Equal([1, 2], Parse(option).GetValue(option)!);
        Assert.Equal("--batches is a whole number, not '4,8'.", Assert.Single(Parse(option, "--batches", "4,8").Errors).Message);
    }

    /// <remarks>An option of another type would be read by the library, in the machine's language.</remarks>
    [Fact]
    public void Every_option_that_is_a_number_is_read_so()
    {
        (Command Command, Option Option)[] numbers =
            [.. All(Commands.Create()).SelectMany(command => command.Options.Select(option => (command, option)))
                .Where(pair => IsNumber(pair.option.ValueType))];
        Assert.True(numbers.Length >= 27, $"{numbers.Length}");
        foreach ((Command command, Option option) in numbers)
        {
            IEnumerable<string> messages = command.Parse([option.Name, "0,5"]).Errors.Select(error => error.Message);
            Assert.Contains(
                messages,
                message => message.StartsWith($"{option.Name} is a ", StringComparison.Ordinal)
                    && message.EndsWith("not '0,5'.", StringComparison.Ordinal));
        }

        static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Append(command);
        static bool IsNumber(Type type)
        {
            Type one = type.GetElementType() ?? Nullable.GetUnderlyingType(type) ?? type;
            return one.IsPrimitive && one != typeof(bool);
        }
    }

    [Fact]
    public void Parameters_of_a_solver_have_a_decimal_point_and_lists_stand_in_brackets()
    {
        JsonObject read = CliJson.ReadSettings(["xi=0.5", "sigmas=[0.1, 2]", "data=latent"]);
        Assert.Equal((0.5, 2, "latent"), ((double)read["xi"]!, read["sigmas"]!.AsArray().Count, (string)read["data"]!));
        Assert.All((string[])["xi=0,5", "xi= -1,25", "xi=,5", "xi=1,5e-3"], setting =>
            Assert.Contains(
                "a number has a decimal point",
                Assert.Throws<CommandException>(() => CliJson.ReadSettings([setting])).Message,
                StringComparison.Ordinal));
    }

    private static ParseResult Parse(Option option, params string[] arguments) => new RootCommand { option }.Parse(arguments);
}
