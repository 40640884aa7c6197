using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using ScalarEvent = YamlDotNet.Core.Events.Scalar;

namespace InverseSolver.Cli.Convert;

/// <summary>
/// Reads the YAML file that comes with a model of latent-diffusion or Stable Diffusion. Only values below model.params are looked at, by name; classes that
/// the file names mean nothing here. Anchors and aliases, by which a small file can stand for a large one, are refused.
/// </summary>
internal static class CompVisConfigFile
{
    private const int MaxBytes = 1 << 20, MaxDepth = 32;

    internal static CompVisConfig Read(string path)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path) || new FileInfo(path).Length > MaxBytes)
        {
            throw new CommandException($"{name} is missing or larger than {MaxBytes} bytes.");
        }

        Dictionary<string, string> values;
        try
        {
            values = Scalars(File.ReadAllText(path), name);
        }
        catch (YamlException e)
        {
            throw new CommandException($"{name} is no YAML (line {e.Start.Line}).");
        }

        string? Text(string key) => values.TryGetValue($"model.params.{key}", out string? text) && text is not ("" or "null" or "~") ? text : null;
        double? Number(string key) => Text(key) is not { } text ? null
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number
            : throw new CommandException($"{name}: model.params.{key} is no number.");

        // -1 is how the original says that the other one of the two counts.
        int? Count(string key) => Number(key) is not { } number || number == -1 ? null
            : number is >= 1 and <= 65536 && number == Math.Floor(number) ? (int)number
            : throw new CommandException($"{name}: model.params.{key} is no whole number above 0.");
        return new CompVisConfig
        {
            Heads = Count("unet_config.params.num_heads"),
            HeadChannels = Count("unet_config.params.num_head_channels"),
            NewAttentionOrder = Text("unet_config.params.use_new_attention_order") is { } order
                ? string.Equals(order, "true", StringComparison.OrdinalIgnoreCase)
                : null,
            LatentScale = Number("scale_factor"),
            Steps = Count("timesteps"),
            BetaSchedule = Text("beta_schedule") switch
            {
                null => null,
                "linear" => "scaled_linear",
                "sqrt_linear" => "linear",
                "cosine" => "cosine",
                var other => throw new CommandException($"{name}: model.params.beta_schedule is '{other}'; linear, sqrt_linear and cosine are known."),
            },
            BetaStart = Number("linear_start"),
            BetaEnd = Number("linear_end"),
            LatentSize = Text("image_size") is { } size && size.All(char.IsAsciiDigit) ? Count("image_size") : null,
            Prediction = Text("parameterization") switch
            {
                null => null,
                "eps" => "epsilon",
                "v" => "v_prediction",
                "x0" => "sample",
                var other => throw new CommandException($"{name}: model.params.parameterization is '{other}'; eps, v and x0 are known."),
            },
        };
    }

    /// <summary>Every scalar by its path of keys, with dots; lists are left out.</summary>
    private static Dictionary<string, string> Scalars(string text, string name)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var parser = new Parser(new StringReader(text));

        // One entry for each open mapping or list: the key that waits for its value, and whether it is a mapping.
        var open = new Stack<(string? Key, bool Mapping)>();
        while (parser.MoveNext())
        {
            ParsingEvent now = parser.Current!;
            if (now is AnchorAlias || now is NodeEvent { Anchor.IsEmpty: false })
            {
                throw new CommandException($"{name}: anchors and aliases are not read.");
            }

            switch (now)
            {
                case MappingStart or SequenceStart when open.Count >= MaxDepth:
                    throw new CommandException($"{name} is nested deeper than {MaxDepth} levels.");
                case MappingStart: open.Push((null, true)); break;
                case SequenceStart: open.Push((null, false)); break;
                case MappingEnd or SequenceEnd:
                    open.Pop();
                    Done(open);
                    break;
                case ScalarEvent scalar when open.TryPeek(out (string? Key, bool Mapping) top) && top is { Mapping: true, Key: null }:
                    open.Pop();
                    open.Push((scalar.Value, true));
                    break;
                case ScalarEvent scalar:
                    if (open.Count > 0 && open.All(level => level.Mapping))
                    {
                        values[string.Join('.', open.Reverse().Select(level => level.Key))] = scalar.Value;
                    }

                    Done(open);
                    break;
            }
        }

        return values;
    }

    // A value ends: the mapping around it waits for its next key.
    private static void Done(Stack<(string? Key, bool Mapping)> open)
    {
        if (open.TryPeek(out (string? Key, bool Mapping) top) && top.Mapping)
        {
            open.Pop();
            open.Push((null, true));
        }
    }
}
