using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace InverseSolver.Imaging;

/// <summary>
/// The XML header of ISMRMRD (ismrmrd.xsd), as far as it is used here; elements that the schema demands and that are not used may be missing.
/// </summary>
/// <param name="Encodings">At least one.</param>
/// <param name="ReceiverChannels">The number of receivers of the scan; null: not stated.</param>
/// <param name="RelativeNoiseBandwidth">Noise bandwidth of the receiver over its nominal one; null: not stated.</param>
/// <param name="Study">Patient, study and acquisition.</param>
/// <param name="Sequence">Times and angles of each contrast.</param>
internal sealed record IsmrmrdHeader(
    IReadOnlyList<MriEncoding> Encodings, double? ReceiverChannels, double? RelativeNoiseBandwidth, StudyInformation Study, SequenceLists Sequence)
{
    private const int MaxCharacters = 16 << 20;

    // Some writers compute whole numbers in floating point.
    private const double Rounding = 0.01;

    internal static IsmrmrdHeader Parse(string xml)
    {
        XElement root = Load(xml);
        if (root.Name.LocalName != "ismrmrdHeader") throw Invalid("its root is not ismrmrdHeader");
        MriEncoding[] encodings = [.. root.Elements().Where(e => e.Name.LocalName == "encoding").Take(64).Select(Encoding)];
        if (encodings.Length == 0) throw Invalid("it has no encoding");
        double? channels = Number(root, "acquisitionSystemInformation", "receiverChannels");
        double? bandwidth = Number(root, "acquisitionSystemInformation", "relativeReceiverNoiseBandwidth");
        return new IsmrmrdHeader(encodings, channels, bandwidth, IsmrmrdStudy.Read(root), SequenceLists.Read(root));
    }

    /// <summary>The text of an element below <paramref name="from"/>; null where it is missing or empty.</summary>
    internal static string? Text(XElement from, params ReadOnlySpan<string> path)
    {
        XElement? at = from;
        foreach (string name in path) at = at?.Elements().FirstOrDefault(e => e.Name.LocalName == name);
        return at?.Value.Trim() is { Length: > 0 } text ? text : null;
    }

    /// <summary>The number in an element below <paramref name="from"/>; null where it is missing or empty.</summary>
    internal static double? Number(XElement from, params ReadOnlySpan<string> path)
    {
        if (Text(from, path) is not { } text) return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? value
            : throw Invalid($"{(path.IsEmpty ? from.Name.LocalName : path[^1])} is not a number");
    }

    /// <summary>
    /// A time, an angle or a field strength on which the image does not depend; null where the text is not a number above 0, as with a decimal comma.
    /// </summary>
    internal static double? Positive(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) && value > 0 ? value : null;

    private static XElement Load(string xml)
    {
        var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = MaxCharacters };
        try
        {
            using var reader = XmlReader.Create(new StringReader(xml), settings);
            return XDocument.Load(reader).Root!;
        }
        catch (XmlException)
        {
            throw Invalid("it is not well-formed XML, or has a document type");
        }
    }

    private static MriEncoding Encoding(XElement encoding) => new(
        Space(encoding, "encodedSpace"),
        Space(encoding, "reconSpace"),
        Limit(encoding, "kspace_encoding_step_1"),
        Limit(encoding, "kspace_encoding_step_2"),
        Text(encoding, "trajectory") ?? "cartesian",
        HasRamps(encoding));

    // userParameterLong and userParameterDouble are pairs of a name and a value.
    private static bool HasRamps(XElement encoding) =>
        encoding.Elements().Where(e => e.Name.LocalName == "trajectoryDescription").Elements().Any(parameter =>
            Text(parameter, "name") == "rampUpTime"
                && double.TryParse(Text(parameter, "value"), NumberStyles.Float, CultureInfo.InvariantCulture, out double time) && time > 0);

    private static MriSpace Space(XElement encoding, string name) => new(
        (Size(encoding, name, "x"), Length(encoding, name, "x")),
        (Size(encoding, name, "y"), Length(encoding, name, "y")),
        (Size(encoding, name, "z"), Length(encoding, name, "z")));

    private static int Size(XElement encoding, string space, string axis)
    {
        if (Number(encoding, space, "matrixSize", axis) is not { } size || Math.Round(size) is not (>= 1 and <= 65535))
        {
            throw Invalid($"the matrix size of {space} is not from 1 to 65535");
        }
        if (Math.Abs(size - Math.Round(size)) > Rounding)
        {
            throw Invalid(string.Create(CultureInfo.InvariantCulture, $"the matrix size {axis} of {space} is {size:R}, not a whole number"));
        }
        return (int)Math.Round(size);
    }

    private static double Length(XElement encoding, string space, string axis) =>
        Number(encoding, space, "fieldOfView_mm", axis) is not { } length ? 0
            : length is >= 0 and <= 1e5 ? length
            : throw Invalid($"the field of view of {space} is not a length");

    private static KSpaceLimits? Limit(XElement encoding, string name)
    {
        if (Text(encoding, "encodingLimits", name) is null) return null;
        int Value(string part) =>
            Number(encoding, "encodingLimits", name, part) is { } value && value is >= 0 and <= 65535
                ? (int)Math.Floor(value + Rounding)
                : throw Invalid($"the limits of {name} are not from 0 to 65535");
        int maximum = Value("maximum"), centre = Text(encoding, "encodingLimits", name, "center") is null ? 0 : Value("center");
        // Writers leave an unknown centre at 0, which is the first line.
        return new KSpaceLimits(Value("minimum"), maximum, centre > 0 || maximum == 0 ? centre : null);
    }

    private static InvalidMeasurementException Invalid(string reason) => new($"The ISMRMRD header is not valid: {reason}.");
}
