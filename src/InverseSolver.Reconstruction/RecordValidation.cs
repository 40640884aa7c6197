using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;

namespace InverseSolver.Reconstruction;

/// <summary>Checks records of parameters against the validation attributes on their properties.</summary>
public static class RecordValidation
{
    /// <summary>Checks a record and the records of this library inside it.</summary>
    /// <param name="record">The record.</param>
    /// <param name="field">What errors call it, for example <c>problem</c>.</param>
    /// <exception cref="InvalidInputException">Names all properties that are wrong, for example <c>problem.mask.fraction</c>.</exception>
    public static void Check(object record, string field) => InvalidInputException.ThrowAll([.. Faults(record, field)]);

    private static IEnumerable<InvalidInputException> Faults(object record, string field)
    {
        foreach (PropertyInfo property in record.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length > 0) continue;
            string name = JsonNamingPolicy.CamelCase.ConvertName(property.Name), path = $"{field}.{name}";
            object? value = property.GetValue(record);
            var context = new ValidationContext(record) { MemberName = property.Name, DisplayName = name };
            ValidationResult? failure = property.GetCustomAttributes<ValidationAttribute>()
                .Select(attribute => attribute.GetValidationResult(value, context)).FirstOrDefault(result => result is not null);
            if (failure is not null)
            {
                yield return new InvalidInputException(path, failure.ErrorMessage ?? $"The field {name} is invalid.");
                continue;
            }

            if (value is null) continue;
            if (value is Enum && !Enum.IsDefined(value.GetType(), value))
            {
                yield return new InvalidInputException(
                    path, $"{value} is not one of the values of {name}: {string.Join(", ", Enum.GetNames(value.GetType()))}.");
            }

            if (value is double number && !double.IsFinite(number)) yield return new InvalidInputException(path, $"{name} is a finite number.");
            if (value is System.Collections.IEnumerable and not string)
            {
                int index = 0;
                foreach (object? item in (System.Collections.IEnumerable)value)
                {
                    string itemPath = $"{path}[{index++}]";
                    if (item is null) yield return new InvalidInputException(itemPath, "It must not be null.");
                    else if (item.GetType().Assembly == typeof(RecordValidation).Assembly)
                    {
                        foreach (InvalidInputException fault in Faults(item, itemPath)) yield return fault;
                    }
                }
            }
            else if (value.GetType() is { IsClass: true } type && type.Assembly == typeof(RecordValidation).Assembly)
            {
                foreach (InvalidInputException fault in Faults(value, path)) yield return fault;
            }
        }
    }
}
